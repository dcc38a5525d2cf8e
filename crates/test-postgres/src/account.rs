use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Error;

/// The account that runs the server. PostgreSQL refuses to run as root, so root runs it as an unprivileged user.
#[derive(Clone, Copy, Debug)]
pub(super) enum Account {
    /// The account of this process.
    Current,
    Other {
        user: u32,
        group: u32,
    },
}

impl Account {
    pub(super) fn choose() -> Result<Self, Error> {
        if run_id(&["-u"]) != Some(0) {
            return Ok(Self::Current);
        }
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| Some(Self::Other { user: run_id(&["-u", name])?, group: run_id(&["-g", name])? }))
            .ok_or_else(|| Error::new("PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody`: create a user `postgres`"))
    }

    /// Returns a command that runs as this account. Its messages are in English, because tests search the log.
    pub(super) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("LC_ALL", "C").current_dir("/").stdin(Stdio::null());
        if let Self::Other { user, group } = self {
            command.uid(user).gid(group);
        }
        command
    }

    /// Makes the account the owner of a file or folder.
    pub(super) fn own(self, folder: &Path) -> Result<(), Error> {
        match self {
            Self::Current => Ok(()),
            Self::Other { user, group } => chown(folder, Some(user), Some(group))
                .map_err(Error::during(format_args!("changing the owner of {}", folder.display()))),
        }
    }

    /// Returns true if the account can write to the folder. For example, other users may not access the temporary
    /// folder of root.
    pub(super) fn can_write(self, folder: &Path) -> bool {
        self.command(Path::new("/bin/sh"))
            .args(["-c", "test -w \"$1\" && test -x \"$1\"", "sh"])
            .arg(folder)
            .status()
            .is_ok_and(|status| status.success())
    }
}

/// Runs the program `id`, and returns the number that it prints.
fn run_id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
