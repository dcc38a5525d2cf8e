use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use super::account::Account;
use super::cluster::USER;
use super::postmaster::within;
use super::{Error, port};

const START: Duration = Duration::from_secs(20);
/// Prepared statements per connection to the server. The default of PgBouncer 1.24.
const MAX_PREPARED_STATEMENTS: u32 = 200;

/// Kills the pooler when this process ends, also if it is killed: the script reads from a pipe that only this process has open.
const SCRIPT: &str = "\"$1\" -q \"$2\" & pooler=$!; read -r _; kill -s KILL \"$pooler\"; wait \"$pooler\"";

/// The way in which a [`Pooler`] assigns connections to clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PoolMode {
    /// One connection per transaction, without prepared statements: PgBouncer before 1.21.
    #[default]
    TransactionUnprepared,
    /// One connection per transaction, with prepared statements: PgBouncer 1.21 and later, see
    /// [`Pooler::supports_prepared_statements`].
    Transaction,
    /// One connection per client. Works in every version.
    Session,
}

/// A PgBouncer in front of a server.
#[derive(Debug)]
pub struct Pooler {
    program: PathBuf,
    account: Account,
    folder: TempDir,
    port: u16,
    running: Mutex<Option<Child>>,
}

impl Pooler {
    /// Starts a pooler without prepared statements. See [`Pooler::start_with`].
    pub fn start(program: &Path, server_port: u16, connections: usize) -> Result<Self, Error> {
        Self::start_with(program, server_port, connections, PoolMode::default())
    }

    /// Starts a pooler with at most `connections` connections to the server on `server_port`. Returns when it accepts
    /// connections.
    ///
    /// # Errors
    ///
    /// Fails also if the program does not support the mode.
    pub fn start_with(
        program: &Path,
        server_port: u16,
        connections: usize,
        mode: PoolMode,
    ) -> Result<Self, Error> {
        let supported = Self::supports_prepared_statements(program);
        if mode == PoolMode::Transaction && !supported {
            let message = "is older than PgBouncer 1.21, and has no prepared statements in transaction mode";
            return Err(Error::new(format!("{} {message}", program.display())));
        }
        let account = Account::choose()?;
        let folder = tempfile::Builder::new().prefix("icp-pooler-").tempdir_in("/tmp");
        let folder = folder.map_err(Error::during("creating a folder"))?;
        // The account may have no access to the folder of the program.
        let own_program = folder.path().join("pgbouncer");
        std::fs::copy(program, &own_program).map_err(Error::during("copying PgBouncer"))?;
        let port = port::free()?;
        let pooler = Self { program: own_program, account, folder, port, running: Mutex::new(None) };
        pooler.configure(server_port, connections, mode, supported)?;
        pooler.start_again()?;
        Ok(pooler)
    }

    /// Returns true if the program has prepared statements in transaction mode, as PgBouncer 1.21 and later.
    pub fn supports_prepared_statements(program: &Path) -> bool {
        let output = Command::new(program).arg("--version").output();
        output.is_ok_and(|output| is_since_1_21(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Returns the URL of a database behind the pooler.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// The port, the same after every start.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills the pooler, which closes every connection.
    pub fn kill(&self) {
        if let Some(mut child) = self.running().take() {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }

    /// Starts a pooler that was killed, on the same port.
    pub fn start_again(&self) -> Result<(), Error> {
        let mut command = self.account.command(Path::new("/bin/sh"));
        command
            .args(["-c", SCRIPT, "icp-pooler"])
            .arg(&self.program)
            .arg(self.folder.path().join("pooler.ini"));
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        *self.running() = Some(child.map_err(Error::during("running PgBouncer"))?);
        let listens = || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        if within(START, listens) { Ok(()) } else { Err(Error::new("PgBouncer does not start")) }
    }

    fn configure(
        &self,
        server_port: u16,
        connections: usize,
        mode: PoolMode,
        supported: bool,
    ) -> Result<(), Error> {
        // With `auth_type = any`, every client is the user that the database names.
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={server_port} user={USER}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {}\nauth_type = any\ndefault_pool_size = {connections}\nmax_client_conn = 500\n\
             unix_socket_dir =\nserver_login_retry = 1\n{}",
            self.port,
            mode.settings(supported)
        );
        let file = self.folder.path().join("pooler.ini");
        std::fs::write(&file, text).map_err(Error::during("writing the settings of PgBouncer"))?;
        self.account.own(&file)?;
        self.account.own(self.folder.path())
    }

    fn running(&self) -> MutexGuard<'_, Option<Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PoolMode {
    /// `supported`: whether the program knows the setting `max_prepared_statements`. It does not start with a setting
    /// that it does not know.
    fn settings(self, supported: bool) -> String {
        let (mode, statements) = match self {
            Self::TransactionUnprepared => ("transaction", 0),
            Self::Transaction => ("transaction", MAX_PREPARED_STATEMENTS),
            Self::Session => return "pool_mode = session\n".to_owned(),
        };
        let statements = format!("max_prepared_statements = {statements}\n");
        format!("pool_mode = {mode}\n{}", if supported { statements.as_str() } else { "" })
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads the output of `--version`, which starts with a line such as `PgBouncer 1.18.0`.
fn is_since_1_21(output: &str) -> bool {
    let version = output.split_whitespace().nth(1).unwrap_or_default();
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(1), Some(21))
}

#[cfg(test)]
mod tests {
    use super::{PoolMode, is_since_1_21};

    #[test]
    fn version_decides_on_prepared_statements() {
        assert!(!is_since_1_21("PgBouncer 1.18.0\nlibevent 2.1.12-stable\n"));
        assert!(!is_since_1_21("PgBouncer 1.20.1"));
        assert!(is_since_1_21("PgBouncer 1.21.0"));
        assert!(is_since_1_21("PgBouncer 2.0.0"));
        assert!(!is_since_1_21(""));
    }

    #[test]
    fn old_program_gets_no_unknown_setting() {
        assert_eq!(PoolMode::TransactionUnprepared.settings(false), "pool_mode = transaction\n");
        let unprepared = "pool_mode = transaction\nmax_prepared_statements = 0\n";
        assert_eq!(PoolMode::TransactionUnprepared.settings(true), unprepared);
        let prepared = "pool_mode = transaction\nmax_prepared_statements = 200\n";
        assert_eq!(PoolMode::Transaction.settings(true), prepared);
        assert_eq!(PoolMode::Session.settings(true), "pool_mode = session\n");
    }
}
