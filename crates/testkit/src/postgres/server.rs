use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::cluster::{Cluster, USER};
use super::database::{self, Database};
use super::guard::Guard;
use super::postmaster::Postmaster;
use super::{Error, port, processes};

const STOP: Duration = Duration::from_secs(30);
/// For a statement, and for becoming a primary.
const STATEMENT: Duration = Duration::from_mins(2);
const ATTEMPTS: usize = 10;

/// How a [`Server`] is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerOptions {
    /// Keep `fsync` on: slower, and as a server in production has it. Off by default; even so, what was
    /// committed survives [`Server::kill`].
    pub durable: bool,
}

/// A PostgreSQL of its own in a temporary folder, on a free port of 127.0.0.1 and a Unix socket.
///
/// It is gone, and its folder with it, when this is dropped, and as well when the process is killed or the value
/// sits in a `static`: another process sees to it.
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

    /// Starts a server; returns when it takes connections.
    pub fn start_with(options: ServerOptions) -> Result<Self, Error> {
        let (cluster, guard) = Cluster::create(options)?;
        let (port, postmaster) = start_on_free_port(&cluster)?;
        Ok(Self { cluster, port, postmaster: Mutex::new(Some(postmaster)), guard })
    }

    /// Starts a standby of this server, which follows it as a stream.
    pub fn standby(&self) -> Result<Self, Error> {
        let (cluster, guard) = Cluster::copy(self.port, ServerOptions::default())?;
        let (port, postmaster) = start_on_free_port(&cluster)?;
        Ok(Self { cluster, port, postmaster: Mutex::new(Some(postmaster)), guard })
    }

    /// Makes a standby a primary; returns when it takes writes.
    pub fn promote(&self) -> Result<(), Error> {
        self.execute("SELECT pg_promote(true, 60)")
    }

    /// Changes a setting that needs no restart.
    pub fn set(&self, setting: &str, value: &str) -> Result<(), Error> {
        self.execute(&format!("ALTER SYSTEM SET {setting} = '{value}'"))?;
        self.execute("SELECT pg_reload_conf()")
    }

    /// Lets clients encrypt connections to this server, which shows them a certificate; both are PEM.
    pub fn encrypt(&self, certificate: &str, key: &str) -> Result<(), Error> {
        for (setting, name, content) in
            [("ssl_cert_file", "server.crt", certificate), ("ssl_key_file", "server.key", key)]
        {
            let path = self.cluster.write(name, content)?;
            self.execute(&format!("ALTER SYSTEM SET {setting} = '{}'", path.display()))?;
        }
        self.set("ssl", "on")
    }

    /// Asks everybody but the role that may do everything for a password.
    pub fn require_passwords(&self) -> Result<(), Error> {
        self.admit(&format!("host all {USER} all trust\nhost all all all scram-sha-256\n"))
    }

    /// Keeps standbys from following this server; those that do have to be cut off.
    pub fn refuse_standbys(&self) -> Result<(), Error> {
        self.admit("host replication all all reject\nhost all all all trust\n")
    }

    /// Lets nobody in any more; those who are in stay.
    pub fn refuse_everybody(&self) -> Result<(), Error> {
        self.admit("host all all all reject\n")
    }

    /// Replaces the rules of who may connect (`pg_hba.conf`).
    fn admit(&self, rules: &str) -> Result<(), Error> {
        self.cluster.write("data/pg_hba.conf", rules)?;
        self.execute("SELECT pg_reload_conf()")
    }

    /// Runs a statement as the role that may do everything.
    pub fn execute(&self, statement: &str) -> Result<(), Error> {
        database::execute(&self.url("postgres"), statement.to_owned(), STATEMENT)
    }

    /// The URL of a database on this server. The role may do everything, and needs no password.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// Creates an empty database, gone when it is dropped.
    pub fn database(&self) -> Result<Database, Error> {
        Database::create(&self.url("postgres"))
    }

    /// The port, the same after every start.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the server keeps everything, its Unix socket too.
    pub fn folder(&self) -> &Path {
        self.cluster.folder()
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        self.cluster.log()
    }

    /// The postmaster's process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.running().as_ref().map(Postmaster::id)
    }

    /// Shuts the server down, ending its connections in an orderly way.
    pub fn stop(&self) -> Result<(), Error> {
        self.resume()?;
        let mut running = self.running();
        let postmaster = running.as_mut().ok_or_else(not_running)?;
        processes::signal("INT", &[postmaster.id()]);
        if !postmaster.exits_within(STOP) {
            return Err(Error::new("the PostgreSQL server does not stop"));
        }
        *running = None;
        Ok(())
    }

    /// Kills the server with all its processes, as a crash would; returns when they are gone.
    pub fn kill(&self) -> Result<(), Error> {
        let mut running = self.running();
        running.as_mut().ok_or_else(not_running)?.kill()?;
        *running = None;
        self.forget_frozen();
        Ok(())
    }

    /// Starts a server that was stopped or killed, on the same port and data.
    pub fn start_again(&self) -> Result<(), Error> {
        let mut running = self.running();
        if running.is_some() {
            return Err(Error::new("the PostgreSQL server is running already"));
        }
        *running = Some(self.cluster.start(self.port)?);
        Ok(())
    }

    /// [`stop`](Self::stop), then [`start_again`](Self::start_again).
    pub fn restart(&self) -> Result<(), Error> {
        self.stop()?;
        self.start_again()
    }

    /// Freezes the server: connections stay open, new ones are taken by the system, and nothing answers.
    pub fn pause(&self) -> Result<(), Error> {
        let running = self.running();
        let family = running.as_ref().ok_or_else(not_running)?.freeze();
        let ids: Vec<String> = family.iter().map(u32::to_string).collect();
        // For the guard, should we end before `resume`.
        fs::write(self.frozen_file(), ids.join(" ")).map_err(Error::during("noting what is frozen"))
    }

    /// Ends what [`pause`](Self::pause) began; does nothing otherwise.
    pub fn resume(&self) -> Result<(), Error> {
        let running = self.running();
        let Some(postmaster) = running.as_ref() else { return Err(not_running()) };
        if self.frozen_file().exists() {
            processes::signal("CONT", &processes::children(postmaster.id()));
            processes::signal("CONT", &[postmaster.id()]);
            self.forget_frozen();
        }
        Ok(())
    }

    fn frozen_file(&self) -> std::path::PathBuf {
        self.cluster.folder().join("frozen")
    }

    fn forget_frozen(&self) {
        let _ = fs::remove_file(self.frozen_file());
    }

    /// Nothing once the postmaster has exited, be it by itself.
    fn running(&self) -> MutexGuard<'_, Option<Postmaster>> {
        let mut postmaster = self.postmaster.lock().unwrap_or_else(PoisonError::into_inner);
        if postmaster.as_mut().is_some_and(Postmaster::exited) {
            *postmaster = None;
        }
        postmaster
    }
}

/// The guard does the work here too, so that there is one way to clean up, and the usual end tests it.
impl Drop for Server {
    fn drop(&mut self) {
        let running = self.running().take();
        if running.is_none() {
            // A killed server leaves its process id behind, which may be another's by now.
            let _ = fs::remove_file(self.cluster.pid_file());
        }
        self.guard.release();
        if let Some(mut postmaster) = running {
            postmaster.exits_within(STOP);
        }
        self.guard.finish();
    }
}

fn not_running() -> Error {
    Error::new("the PostgreSQL server is not running")
}

/// Another process may take the port between our look and the server's.
fn start_on_free_port(cluster: &Cluster) -> Result<(u16, Postmaster), Error> {
    for _ in 1..ATTEMPTS {
        let port = port::free()?;
        match cluster.start(port) {
            Ok(postmaster) => return Ok((port, postmaster)),
            Err(_) if cluster.log().contains("Address already in use") => {
                let _ = fs::remove_file(cluster.log_file());
            }
            Err(error) => return Err(error),
        }
    }
    let port = port::free()?;
    Ok((port, cluster.start(port)?))
}
