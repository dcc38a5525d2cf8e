use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Error;

/// The account that runs the server. PostgreSQL refuses root, so root runs it as an unprivileged user.
#[derive(Clone, Copy, Debug)]
pub(super) enum Account {
    Ours,
    Other { user: u32, group: u32 },
}

impl Account {
    pub(super) fn choose() -> Result<Self, Error> {
        if id(&["-u"]) != Some(0) {
            return Ok(Self::Ours);
        }
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| Some(Self::Other { user: id(&["-u", name])?, group: id(&["-g", name])? }))
            .ok_or_else(|| Error::new("PostgreSQL refuses root, and there is no user `postgres` or `nobody`"))
    }

    /// Returns a command that runs as this account, with messages in English, because tests search the log.
    pub(super) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("LC_ALL", "C").current_dir("/").stdin(Stdio::null());
        if let Self::Other { user, group } = self {
            command.uid(user).gid(group);
        }
        command
    }

    pub(super) fn own(self, folder: &Path) -> Result<(), Error> {
        match self {
            Self::Ours => Ok(()),
            Self::Other { user, group } => chown(folder, Some(user), Some(group))
                .map_err(Error::during(format_args!("giving {} away", folder.display()))),
        }
    }

    /// Returns true if the account can write to the folder. Other users may have no access to the temporary folder of root.
    pub(super) fn can_write(self, folder: &Path) -> bool {
        self.command(Path::new("/bin/sh"))
            .args(["-c", "test -w \"$1\" && test -x \"$1\"", "sh"])
            .arg(folder)
            .status()
            .is_ok_and(|status| status.success())
    }
}

fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
