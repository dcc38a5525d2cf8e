use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::cluster::{Cluster, USER};
use super::database::{self, Database};
use super::guard::Guard;
use super::postmaster::Postmaster;
use super::{Error, port, processes};

const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// Timeout of a statement, such as the one that promotes a standby.
const STATEMENT_TIMEOUT: Duration = Duration::from_mins(2);
const MAX_START_ATTEMPTS: usize = 10;

/// The options of a [`Server`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerOptions {
    /// Turns `fsync` and `full_page_writes` on, as in production. By default, they are off, which is faster. Commits
    /// survive [`Server::kill`] in both cases.
    pub durable: bool,
}

/// A PostgreSQL server in a temporary folder, on a free port of 127.0.0.1 and a Unix socket.
///
/// When this value is dropped, the server ends and its folder is removed. If this process is killed, or if the value
/// is in a `static`, a separate guard process ends the server and removes the folder.
#[derive(Debug)]
pub struct Server {
    cluster: Cluster,
    port: u16,
    postmaster: Mutex<Option<Postmaster>>,
    guard: Guard,
}

impl Server {
    /// Starts a server with the default options.
    pub fn start() -> Result<Self, Error> {
        Self::start_with(ServerOptions::default())
    }

    /// Starts a server. Returns when the server accepts connections.
    pub fn start_with(options: ServerOptions) -> Result<Self, Error> {
        let (cluster, guard) = Cluster::create(options)?;
        let (port, postmaster) = start_on_free_port(&cluster)?;
        Ok(Self { cluster, port, postmaster: Mutex::new(Some(postmaster)), guard })
    }

    /// Starts a standby of this server, with streaming replication.
    pub fn standby(&self) -> Result<Self, Error> {
        let (cluster, guard) = Cluster::copy(self.port, ServerOptions::default())?;
        let (port, postmaster) = start_on_free_port(&cluster)?;
        Ok(Self { cluster, port, postmaster: Mutex::new(Some(postmaster)), guard })
    }

    /// Promotes a standby to primary. Returns when the server accepts writes, or after 60 seconds.
    pub fn promote(&self) -> Result<(), Error> {
        self.execute("SELECT pg_promote(true, 60)")
    }

    /// Changes a setting that takes effect without a restart.
    pub fn set(&self, setting: &str, value: &str) -> Result<(), Error> {
        self.execute(&format!("ALTER SYSTEM SET {setting} = '{value}'"))?;
        self.execute("SELECT pg_reload_conf()")
    }

    /// Turns TLS on. The certificate and the key are in PEM.
    pub fn encrypt(&self, certificate: &str, key: &str) -> Result<(), Error> {
        for (setting, name, content) in
            [("ssl_cert_file", "server.crt", certificate), ("ssl_key_file", "server.key", key)]
        {
            let path = self.cluster.write(name, content)?;
            self.execute(&format!("ALTER SYSTEM SET {setting} = '{}'", path.display()))?;
        }
        self.set("ssl", "on")
    }

    /// Requires passwords from all roles except the superuser of [`Server::url`].
    pub fn require_passwords(&self) -> Result<(), Error> {
        self.set_connection_rules(&format!("host all {USER} all trust\nhost all all all scram-sha-256\n"))
    }

    /// Refuses new replication connections. Open replication connections stay open.
    pub fn refuse_standbys(&self) -> Result<(), Error> {
        self.set_connection_rules("host replication all all reject\nhost all all all trust\n")
    }

    /// Refuses new connections. Open connections stay open.
    pub fn refuse_connections(&self) -> Result<(), Error> {
        self.set_connection_rules("host all all all reject\n")
    }

    /// Replaces the rules for connections (`pg_hba.conf`).
    fn set_connection_rules(&self, rules: &str) -> Result<(), Error> {
        self.cluster.write("data/pg_hba.conf", rules)?;
        self.execute("SELECT pg_reload_conf()")
    }

    /// Runs a statement as the superuser.
    pub fn execute(&self, statement: &str) -> Result<(), Error> {
        database::execute(&self.url("postgres"), statement.to_owned(), STATEMENT_TIMEOUT)
    }

    /// Returns the URL of a database on this server. The role is a superuser, and needs no password.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// Creates an empty database. The database is dropped when the returned value is dropped.
    pub fn database(&self) -> Result<Database, Error> {
        Database::create(&self.url("postgres"))
    }

    /// Returns the port, which is the same after every start.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the folder of the server, which also contains its Unix socket.
    pub fn folder(&self) -> &Path {
        self.cluster.folder()
    }

    /// Returns the log of the server.
    pub fn log(&self) -> String {
        self.cluster.log()
    }

    /// Returns the process ID of the postmaster, or `None` if the server does not run.
    pub fn pid(&self) -> Option<u32> {
        self.running().as_ref().map(Postmaster::id)
    }

    /// Stops the server with a fast shutdown, which closes all connections.
    pub fn stop(&self) -> Result<(), Error> {
        self.resume()?;
        let mut running = self.running();
        let postmaster = running.as_mut().ok_or_else(not_running)?;
        processes::signal("INT", &[postmaster.id()]);
        if !postmaster.exits_within(STOP_TIMEOUT) {
            return Err(Error::new("the PostgreSQL server did not stop within 30 seconds"));
        }
        *running = None;
        Ok(())
    }

    /// Kills all processes of the server, to simulate a crash. Returns when all processes have ended.
    pub fn kill(&self) -> Result<(), Error> {
        let mut running = self.running();
        running.as_mut().ok_or_else(not_running)?.kill()?;
        *running = None;
        self.remove_frozen_file();
        Ok(())
    }

    /// Starts a server that was stopped or killed, with the same port and data.
    pub fn start_again(&self) -> Result<(), Error> {
        let mut running = self.running();
        if running.is_some() {
            return Err(Error::new("the PostgreSQL server is already running"));
        }
        *running = Some(self.cluster.start(self.port)?);
        Ok(())
    }

    /// Stops the server and starts it again.
    pub fn restart(&self) -> Result<(), Error> {
        self.stop()?;
        self.start_again()
    }

    /// Freezes all processes of the server. Open connections stay open, and the operating system accepts new
    /// connections, but no statement gets a response.
    pub fn pause(&self) -> Result<(), Error> {
        let running = self.running();
        let process_ids = running.as_ref().ok_or_else(not_running)?.freeze();
        let ids: Vec<String> = process_ids.iter().map(u32::to_string).collect();
        // The guard reads this file if this process ends before `resume`.
        fs::write(self.frozen_file(), ids.join(" "))
            .map_err(Error::during("writing the list of frozen processes"))
    }

    /// Continues the processes after [`pause`](Self::pause). Has no effect if the processes are not frozen.
    pub fn resume(&self) -> Result<(), Error> {
        let running = self.running();
        let Some(postmaster) = running.as_ref() else { return Err(not_running()) };
        if self.frozen_file().exists() {
            processes::signal("CONT", &processes::children(postmaster.id()));
            processes::signal("CONT", &[postmaster.id()]);
            self.remove_frozen_file();
        }
        Ok(())
    }

    fn frozen_file(&self) -> std::path::PathBuf {
        self.cluster.folder().join("frozen")
    }

    fn remove_frozen_file(&self) {
        let _ = fs::remove_file(self.frozen_file());
    }

    /// Locks and returns the postmaster, or `None` if it has exited.
    fn running(&self) -> MutexGuard<'_, Option<Postmaster>> {
        let mut postmaster = self.postmaster.lock().unwrap_or_else(PoisonError::into_inner);
        if postmaster.as_mut().is_some_and(Postmaster::has_exited) {
            *postmaster = None;
        }
        postmaster
    }
}

/// Lets the guard clean up, so that there is only one implementation of the clean-up.
impl Drop for Server {
    fn drop(&mut self) {
        let running = self.running().take();
        if running.is_none() {
            // A killed server leaves its PID file behind. The guard must not read it, because another process may
            // have the ID now.
            let _ = fs::remove_file(self.cluster.pid_file());
        }
        self.guard.release();
        if let Some(mut postmaster) = running {
            postmaster.exits_within(STOP_TIMEOUT);
        }
        self.guard.finish();
    }
}

fn not_running() -> Error {
    Error::new("the PostgreSQL server is not running")
}

/// Starts the server on a free port. Tries several ports, because another process may bind the port first.
fn start_on_free_port(cluster: &Cluster) -> Result<(u16, Postmaster), Error> {
    for _ in 1..MAX_START_ATTEMPTS {
        let port = port::find_free_port()?;
        match cluster.start(port) {
            Ok(postmaster) => return Ok((port, postmaster)),
            Err(_) if cluster.log().contains("Address already in use") => {
                let _ = fs::remove_file(cluster.log_file());
            }
            Err(error) => return Err(error),
        }
    }
    let port = port::find_free_port()?;
    Ok((port, cluster.start(port)?))
}
