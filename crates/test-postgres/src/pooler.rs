use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use super::account::Account;
use super::cluster::USER;
use super::postmaster::wait_until;
use super::{Error, port};

const START_TIMEOUT: Duration = Duration::from_secs(20);
/// Maximum number of prepared statements per connection to the server. It is the default of PgBouncer 1.24.
const MAX_PREPARED_STATEMENTS: u32 = 200;

/// A script that runs the pooler, and kills it when this process ends. The script reads from a pipe that only this
/// process has open. The operating system closes the pipe when this process ends, even if this process is killed.
const POOLER_SCRIPT: &str =
    "\"$1\" -q \"$2\" & pooler=$!; read -r _; kill -s KILL \"$pooler\"; wait \"$pooler\"";

/// The rule by which a [`Pooler`] assigns server connections to clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PoolMode {
    /// Each transaction gets a connection. Prepared statements are not supported, as in PgBouncer before 1.21.
    #[default]
    TransactionUnprepared,
    /// Each transaction gets a connection. Prepared statements are supported, which needs PgBouncer 1.21 or newer. See
    /// [`Pooler::supports_prepared_statements`].
    Transaction,
    /// Each client gets a connection. Every version of PgBouncer supports prepared statements in this mode.
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

    /// Starts a pooler with at most `connections` connections per database to the server on `server_port`. Returns when
    /// the pooler accepts connections.
    ///
    /// # Errors
    ///
    /// If the pooler does not start, or if the program does not support the mode.
    pub fn start_with(
        program: &Path,
        server_port: u16,
        connections: usize,
        mode: PoolMode,
    ) -> Result<Self, Error> {
        let supports_statements = Self::supports_prepared_statements(program);
        if mode == PoolMode::Transaction && !supports_statements {
            let message = "cannot be run or is older than PgBouncer 1.21, and does not support prepared statements in transaction mode";
            return Err(Error::new(format!("{} {message}", program.display())));
        }
        let account = Account::choose()?;
        let folder = tempfile::Builder::new().prefix("icp-pooler-").tempdir_in("/tmp");
        let folder = folder.map_err(Error::during("creating a folder"))?;
        // The program is copied, because the account may not have access to the folder of the program.
        let own_program = folder.path().join("pgbouncer");
        std::fs::copy(program, &own_program).map_err(Error::during("copying PgBouncer"))?;
        let port = port::find_free_port()?;
        let pooler = Self { program: own_program, account, folder, port, running: Mutex::new(None) };
        pooler.configure(server_port, connections, mode, supports_statements)?;
        pooler.start_again()?;
        Ok(pooler)
    }

    /// Returns true if the program supports prepared statements in transaction mode. PgBouncer 1.21 and newer
    /// versions support them.
    pub fn supports_prepared_statements(program: &Path) -> bool {
        let output = Command::new(program).arg("--version").output();
        output.is_ok_and(|output| is_at_least_1_21(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Returns the URL of a database behind the pooler.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// Returns the port, which is the same after every start.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills the pooler. This closes all connections.
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
            .args(["-c", POOLER_SCRIPT, "icp-pooler"])
            .arg(&self.program)
            .arg(self.folder.path().join("pooler.ini"));
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        *self.running() = Some(child.map_err(Error::during("running PgBouncer"))?);
        let listens = || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        if wait_until(START_TIMEOUT, listens) { Ok(()) } else { Err(Error::new("PgBouncer does not start")) }
    }

    fn configure(
        &self,
        server_port: u16,
        connections: usize,
        mode: PoolMode,
        supports_statements: bool,
    ) -> Result<(), Error> {
        // With `auth_type = any`, the pooler accepts every client, and connects to the server as the `user` of the
        // entry `*` in the section `[databases]`.
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={server_port} user={USER}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {}\nauth_type = any\ndefault_pool_size = {connections}\nmax_client_conn = 500\n\
             unix_socket_dir =\nserver_login_retry = 1\n{}",
            self.port,
            mode.settings(supports_statements)
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
    /// Returns the lines of the configuration for this mode. `supports_statements` says whether the program knows the
    /// setting `max_prepared_statements`. PgBouncer does not start with an unknown setting.
    fn settings(self, supports_statements: bool) -> String {
        let (mode, statements) = match self {
            Self::TransactionUnprepared => ("transaction", 0),
            Self::Transaction => ("transaction", MAX_PREPARED_STATEMENTS),
            Self::Session => return "pool_mode = session\n".to_owned(),
        };
        let statements = format!("max_prepared_statements = {statements}\n");
        format!("pool_mode = {mode}\n{}", if supports_statements { statements.as_str() } else { "" })
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns true if the version is at least 1.21. `output` is the output of `--version`, which begins with a line such
/// as `PgBouncer 1.18.0`.
fn is_at_least_1_21(output: &str) -> bool {
    let version = output.split_whitespace().nth(1).unwrap_or_default();
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(1), Some(21))
}

#[cfg(test)]
mod tests {
    use super::{PoolMode, is_at_least_1_21};

    #[test]
    fn versions_are_compared_with_1_21() {
        assert!(!is_at_least_1_21("PgBouncer 1.18.0\nlibevent 2.1.12-stable\n"));
        assert!(!is_at_least_1_21("PgBouncer 1.20.1"));
        assert!(is_at_least_1_21("PgBouncer 1.21.0"));
        assert!(is_at_least_1_21("PgBouncer 2.0.0"));
        assert!(!is_at_least_1_21(""));
    }

    #[test]
    fn settings_fit_mode_and_version() {
        assert_eq!(PoolMode::TransactionUnprepared.settings(false), "pool_mode = transaction\n");
        let unprepared = "pool_mode = transaction\nmax_prepared_statements = 0\n";
        assert_eq!(PoolMode::TransactionUnprepared.settings(true), unprepared);
        let prepared = "pool_mode = transaction\nmax_prepared_statements = 200\n";
        assert_eq!(PoolMode::Transaction.settings(true), prepared);
        assert_eq!(PoolMode::Session.settings(true), "pool_mode = session\n");
    }
}
