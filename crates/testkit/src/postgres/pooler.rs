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

/// Ends the pooler when we are gone, however we end: its input is a pipe that we alone hold.
const SCRIPT: &str = "\"$1\" -q \"$2\" & pooler=$!; read -r _; kill -s KILL \"$pooler\"; wait \"$pooler\"";

/// A PgBouncer in front of a server, in transaction mode and without prepared statements: the kind that gives each
/// transaction another session.
#[derive(Debug)]
pub struct Pooler {
    program: PathBuf,
    account: Account,
    folder: TempDir,
    port: u16,
    running: Mutex<Option<Child>>,
}

impl Pooler {
    /// Starts one, with so many connections to the server on `server_port`; returns when it takes connections.
    pub fn start(program: &Path, server_port: u16, connections: usize) -> Result<Self, Error> {
        let account = Account::choose()?;
        let folder = tempfile::Builder::new().prefix("icp-pooler-").tempdir_in("/tmp");
        let folder = folder.map_err(Error::during("making a folder"))?;
        let port = port::free()?;
        let pooler = Self { program: program.to_owned(), account, folder, port, running: Mutex::new(None) };
        pooler.configure(server_port, connections)?;
        pooler.start_again()?;
        Ok(pooler)
    }

    /// The URL of a database behind it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// The port, the same after every start.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills it, and with it every connection.
    pub fn kill(&self) {
        if let Some(mut child) = self.running().take() {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }

    /// Starts one that was killed, on the same port.
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

    fn configure(&self, server_port: u16, connections: usize) -> Result<(), Error> {
        // Those that know prepared statements are told to do as if they did not.
        let forgetful =
            if knows_prepared_statements(&self.program) { "max_prepared_statements = 0\n" } else { "" };
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={server_port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\n\
             auth_type = any\npool_mode = transaction\ndefault_pool_size = {connections}\nmax_client_conn = 500\n\
             unix_socket_dir =\nserver_login_retry = 1\n{forgetful}",
            self.port
        );
        // In the mode `any`, everybody is the user whom the database names.
        let text =
            text.replace(&format!("port={server_port}\n"), &format!("port={server_port} user={USER}\n"));
        let file = self.folder.path().join("pooler.ini");
        std::fs::write(&file, text).map_err(Error::during("writing PgBouncer's settings"))?;
        self.account.own(&file)?;
        self.account.own(self.folder.path())
    }

    fn running(&self) -> MutexGuard<'_, Option<Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Since 1.21. `PgBouncer 1.18.0` is how it says which one it is.
fn knows_prepared_statements(program: &Path) -> bool {
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let version =
        text.split_whitespace().nth(1).and_then(|version| version.split('.').nth(1)?.parse::<u32>().ok());
    version.is_some_and(|minor| minor >= 21)
}
