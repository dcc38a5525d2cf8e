use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::account::Account;
use super::guard::Guard;
use super::postmaster::{Postmaster, wait_until};
use super::{Binaries, Error, ServerOptions};

pub(super) const USER: &str = "icp";

/// Maximum length of the path of the parent folder, in bytes. The path of a Unix socket below this folder can have at
/// most about 100 bytes.
const MAX_PARENT_BYTES: usize = 60;
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// A data folder, and the programs and options of the server that uses it.
#[derive(Debug)]
pub(super) struct Cluster {
    binaries: Binaries,
    account: Account,
    folder: PathBuf,
    options: ServerOptions,
}

impl Cluster {
    /// Creates a data folder, and a guard that removes it when this process ends.
    pub(super) fn create(options: ServerOptions) -> Result<(Self, Guard), Error> {
        let (cluster, guard) = Self::prepare(options)?;
        cluster.initialize()?;
        Ok((cluster, guard))
    }

    /// Creates a data folder for a standby, with the data of the running server on `primary_port`.
    pub(super) fn copy(primary_port: u16, options: ServerOptions) -> Result<(Self, Guard), Error> {
        let (cluster, guard) = Self::prepare(options)?;
        let port = primary_port.to_string();
        let command = [
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            USER,
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "--no-sync",
            "-D",
        ];
        cluster.run("pg_basebackup", &command)?;
        Ok((cluster, guard))
    }

    fn prepare(options: ServerOptions) -> Result<(Self, Guard), Error> {
        let binaries = Binaries::find()?;
        let account = Account::choose()?;
        let folder = new_folder(account)?;
        let guard = Guard::watch(&folder)?;
        Ok((Self { binaries, account, folder, options }, guard))
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(super) fn pid_file(&self) -> PathBuf {
        self.data().join("postmaster.pid")
    }

    pub(super) fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }

    pub(super) fn log(&self) -> String {
        fs::read(self.log_file())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Creates the data with the locale `C`, which every system has.
    fn initialize(&self) -> Result<(), Error> {
        self.run(
            "initdb",
            &["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--username", USER, "-D"],
        )
    }

    /// Runs a program that creates the data folder. The path of the data folder is the last argument of the program.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<(), Error> {
        let mut command = self.account.command(&self.binaries.program(program));
        let output = command.args(arguments).arg(self.data()).output();
        let output = output.map_err(Error::during(format_args!("running {program}")))?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::new(format!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim())))
    }

    /// Writes a file in the folder of this cluster. Only the account of the server can read the file.
    pub(super) fn write(&self, name: &str, content: &str) -> Result<PathBuf, Error> {
        let path = self.folder.join(name);
        let owner_only = fs::Permissions::from_mode(0o600);
        let written = fs::write(&path, content).and_then(|()| fs::set_permissions(&path, owner_only));
        written.map_err(Error::during(format_args!("writing {name}")))?;
        self.account.own(&path)?;
        Ok(path)
    }

    /// Starts the server. Returns when the server accepts connections.
    pub(super) fn start(&self, port: u16) -> Result<Postmaster, Error> {
        let child = self.command(port)?.spawn().map_err(Error::during("running postgres"))?;
        let mut postmaster = Postmaster::new(child);
        let id = postmaster.id();
        wait_until(START_TIMEOUT, || self.is_ready(id) || postmaster.has_exited());
        if self.is_ready(id) && !postmaster.has_exited() {
            return Ok(postmaster);
        }
        let _ = postmaster.kill();
        Err(Error::new(format!("the PostgreSQL server does not start:\n{}", self.log())))
    }

    /// Returns the command that starts the server. Its output goes to a file, because a reader of a pipe would wait
    /// for all processes that inherit the pipe. The server has a separate process group, so that Ctrl-C does not end
    /// it before the guard does.
    fn command(&self, port: u16) -> Result<Command, Error> {
        let log = File::options().create(true).append(true).open(self.log_file());
        let log = log.map_err(Error::during("opening the server's log"))?;
        let errors = log.try_clone().map_err(Error::during("opening the server's log"))?;
        let mut command = self.account.command(&self.binaries.program("postgres"));
        command.arg("-D").arg(self.data());
        for setting in self.settings(port) {
            command.args(["-c", &setting]);
        }
        command.process_group(0).stdout(log).stderr(errors);
        Ok(command)
    }

    /// Returns the settings of the server. Without `durable`, commits are only written to the cache of the operating
    /// system. Such commits survive the end of the server, but not a power failure.
    fn settings(&self, port: u16) -> Vec<String> {
        let durable = if self.options.durable { "on" } else { "off" };
        vec![
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            format!("unix_socket_directories={}", self.folder.display()),
            "max_connections=200".to_owned(),
            format!("fsync={durable}"),
            format!("full_page_writes={durable}"),
        ]
    }

    /// Returns true if `postmaster.pid` contains the process ID `postmaster` and the state `ready`. A file that a
    /// killed server left behind contains another process ID.
    fn is_ready(&self, postmaster: u32) -> bool {
        let text = fs::read_to_string(self.pid_file()).unwrap_or_default();
        let mut lines = text.lines();
        lines.next() == Some(&postmaster.to_string())
            && lines.nth(6).is_some_and(|line| line.trim() == "ready")
    }
}

/// Creates a folder in the default folder for temporary files. Uses `/tmp` if the account cannot write there, or if
/// the path is too long.
fn new_folder(account: Account) -> Result<PathBuf, Error> {
    let default_parent = std::env::temp_dir();
    let is_short = default_parent.as_os_str().as_bytes().len() <= MAX_PARENT_BYTES;
    for parent in [default_parent.as_path()].into_iter().filter(|_| is_short).chain([Path::new("/tmp")]) {
        let folder = tempfile::Builder::new().prefix("icp-postgres-").tempdir_in(parent);
        let folder =
            folder.map_err(Error::during(format_args!("creating a folder in {}", parent.display())))?;
        account.own(folder.path())?;
        if account.can_write(folder.path()) {
            return Ok(folder.keep());
        }
    }
    Err(Error::new(format!(
        "the user who runs PostgreSQL cannot write to {} or /tmp",
        default_parent.display()
    )))
}
