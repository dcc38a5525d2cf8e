use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Error;

/// Folders of versions that are not on `PATH`: the parent folder, and the prefix before the version.
const VERSIONED: &[(&str, &str)] = &[
    ("usr/lib/postgresql", ""),                          // Debian, Ubuntu
    ("usr", "pgsql-"),                                   // Fedora, the PostgreSQL project's own packages
    ("opt/homebrew/opt", "postgresql@"),                 // Homebrew on ARM
    ("usr/local/opt", "postgresql@"),                    // Homebrew on Intel
    ("Applications/Postgres.app/Contents/Versions", ""), // Postgres.app
];

const PLAIN: &[&str] =
    &["usr/bin", "usr/local/pgsql/bin", "opt/homebrew/opt/postgresql/bin", "usr/local/opt/postgresql/bin"];

/// The folder of the server's programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// Searches `PATH`, the folder that `pg_config` reports, and the default folders, the newest version first.
    ///
    /// # Errors
    ///
    /// If there is no server. The message is one line with the package to install.
    pub fn find() -> Result<Self, Error> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self::among(candidates(&path, pg_config(), Path::new("/"))).ok_or_else(missing)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn among(candidates: Vec<PathBuf>) -> Option<Self> {
        let whole = |folder: &PathBuf| ["initdb", "postgres"].iter().all(|name| folder.join(name).is_file());
        candidates.into_iter().find(whole).map(|folder| Self { folder: behind_links(folder) })
    }
}

/// Resolves links: a folder on `PATH` can have links to some of the programs. The target folder has all of them.
fn behind_links(folder: PathBuf) -> PathBuf {
    let target = folder.join("postgres").canonicalize();
    let all = target.ok().and_then(|target| target.parent().map(Path::to_path_buf));
    all.filter(|all| all.join("pg_basebackup").is_file()).unwrap_or(folder)
}

fn missing() -> Error {
    Error::new(
        "no PostgreSQL server found: run `cargo xtask test`, which installs one, or install it yourself \
         (Debian: apt-get install postgresql; Fedora: dnf install postgresql-server; macOS: brew install \
         postgresql), or name a running one in ICP_TEST_DATABASE_URL",
    )
}

fn candidates(path: &OsString, pg_config: Option<PathBuf>, root: &Path) -> Vec<PathBuf> {
    let versioned = VERSIONED.iter().flat_map(|(parent, prefix)| newest_first(&root.join(parent), prefix));
    let versioned = versioned.map(|folder| folder.join("bin"));
    let plain = PLAIN.iter().map(|folder| root.join(folder));
    std::env::split_paths(path).chain(pg_config).chain(versioned).chain(plain).collect()
}

/// Returns the folders with names of the form `<prefix><version>`.
fn newest_first(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut found: Vec<(Vec<u32>, PathBuf)> = std::fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((version(entry.file_name().to_str()?.strip_prefix(prefix)?)?, entry.path())))
        .collect();
    found.sort_by(|one, other| other.cmp(one));
    found.into_iter().map(|(_, folder)| folder).collect()
}

/// Parses a version. `9.6` is older than `15`.
fn version(text: &str) -> Option<Vec<u32>> {
    text.split('.').map(|part| part.parse().ok()).collect()
}

fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").stderr(Stdio::null()).output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(folder.trim())).filter(|folder| folder.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        for name in ["initdb", "postgres"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
    }

    fn found(path: &str, pg_config: Option<PathBuf>, root: &Path) -> Option<PathBuf> {
        Binaries::among(candidates(&path.into(), pg_config, root)).map(|binaries| binaries.folder)
    }

    #[test]
    fn finds_newest_version() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9.6", "13", "15"] {
            install(&root.path().join("usr/lib/postgresql").join(version).join("bin"));
        }
        // A client without a server, as `postgresql-client` installs it.
        std::fs::create_dir_all(root.path().join("usr/lib/postgresql/17/bin")).unwrap();
        assert_eq!(found("", None, root.path()), Some(root.path().join("usr/lib/postgresql/15/bin")));
    }

    #[test]
    fn finds_server_in_each_usual_folder() {
        for folder in [
            "usr/pgsql-16/bin",
            "opt/homebrew/opt/postgresql@17/bin",
            "usr/local/opt/postgresql@14/bin",
            "Applications/Postgres.app/Contents/Versions/16/bin",
            "usr/bin",
        ] {
            let root = tempfile::tempdir().unwrap();
            install(&root.path().join(folder));
            assert_eq!(found("", None, root.path()), Some(root.path().join(folder)));
        }
    }

    #[test]
    fn path_takes_precedence_over_pg_config_and_defaults() {
        let root = tempfile::tempdir().unwrap();
        let (on_path, configured) = (root.path().join("on-path"), root.path().join("configured"));
        install(&root.path().join("usr/bin"));
        install(&configured);
        assert_eq!(found("/nowhere", Some(configured.clone()), root.path()), Some(configured.clone()));
        install(&on_path);
        assert_eq!(found(on_path.to_str().unwrap(), Some(configured), root.path()), Some(on_path));
    }

    #[test]
    fn missing_server_is_reported_in_one_line() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(found("", None, root.path()), None);
        let message = missing().to_string();
        assert!(message.contains("install") && !message.contains('\n'), "{message}");
    }
}
