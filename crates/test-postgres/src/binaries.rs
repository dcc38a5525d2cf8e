use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Error;

/// Default folders with the version in their names: the parent folder, and the prefix before the version.
const VERSIONED_FOLDERS: &[(&str, &str)] = &[
    ("usr/lib/postgresql", ""),                          // Debian, Ubuntu
    ("usr", "pgsql-"),                                   // Fedora, the PostgreSQL project's own packages
    ("opt/homebrew/opt", "postgresql@"),                 // Homebrew on ARM
    ("usr/local/opt", "postgresql@"),                    // Homebrew on Intel
    ("Applications/Postgres.app/Contents/Versions", ""), // Postgres.app
];

/// Default folders without a version in their names.
const UNVERSIONED_FOLDERS: &[&str] =
    &["usr/bin", "usr/local/pgsql/bin", "opt/homebrew/opt/postgresql/bin", "usr/local/opt/postgresql/bin"];

/// The folder of the server's programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// Searches for the server in `PATH`, in the folder that `pg_config` reports, and in the default folders, newest
    /// version first.
    ///
    /// # Errors
    ///
    /// If no server is found. The message is a single line that names the package to install.
    pub fn find() -> Result<Self, Error> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self::among(candidates(&path, pg_config_folder(), Path::new("/"))).ok_or_else(missing_server)
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn among(candidates: Vec<PathBuf>) -> Option<Self> {
        let has_server =
            |folder: &PathBuf| ["initdb", "postgres"].iter().all(|name| folder.join(name).is_file());
        candidates.into_iter().find(has_server).map(|folder| Self { folder: resolve_links(folder) })
    }
}

/// Returns the folder with the real programs. A folder on `PATH` may contain links to only some of the programs, and
/// the target of the links contains all programs.
fn resolve_links(folder: PathBuf) -> PathBuf {
    let target = folder.join("postgres").canonicalize();
    let target_folder = target.ok().and_then(|target| target.parent().map(Path::to_path_buf));
    target_folder.filter(|folder| folder.join("pg_basebackup").is_file()).unwrap_or(folder)
}

fn missing_server() -> Error {
    Error::new(
        "no PostgreSQL server found: run `cargo xtask test`, which installs PostgreSQL, or install it yourself \
         (Debian: apt-get install postgresql; Fedora: dnf install postgresql-server; macOS: brew install \
         postgresql), or set ICP_TEST_DATABASE_URL to the URL of a running server",
    )
}

fn candidates(path: &OsString, pg_config: Option<PathBuf>, root: &Path) -> Vec<PathBuf> {
    let versioned =
        VERSIONED_FOLDERS.iter().flat_map(|(parent, prefix)| newest_first(&root.join(parent), prefix));
    let versioned = versioned.map(|folder| folder.join("bin"));
    let plain = UNVERSIONED_FOLDERS.iter().map(|folder| root.join(folder));
    std::env::split_paths(path).chain(pg_config).chain(versioned).chain(plain).collect()
}

/// Returns the folders with names of the form `<prefix><version>`, newest version first.
fn newest_first(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut folders: Vec<(Vec<u32>, PathBuf)> = std::fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((parse_version(entry.file_name().to_str()?.strip_prefix(prefix)?)?, entry.path()))
        })
        .collect();
    folders.sort_by(|left, right| right.cmp(left));
    folders.into_iter().map(|(_, folder)| folder).collect()
}

/// Parses a version into its numbers, so that `9.6` is sorted before `15`.
fn parse_version(text: &str) -> Option<Vec<u32>> {
    text.split('.').map(|part| part.parse().ok()).collect()
}

/// Returns the folder that the program `pg_config` reports.
fn pg_config_folder() -> Option<PathBuf> {
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

    fn find_folder(path: &str, pg_config: Option<PathBuf>, root: &Path) -> Option<PathBuf> {
        Binaries::among(candidates(&path.into(), pg_config, root)).map(|binaries| binaries.folder)
    }

    #[test]
    fn newest_version_is_found() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9.6", "13", "15"] {
            install(&root.path().join("usr/lib/postgresql").join(version).join("bin"));
        }
        // The package `postgresql-client` creates a folder without a server.
        std::fs::create_dir_all(root.path().join("usr/lib/postgresql/17/bin")).unwrap();
        assert_eq!(find_folder("", None, root.path()), Some(root.path().join("usr/lib/postgresql/15/bin")));
    }

    #[test]
    fn server_is_found_in_each_default_folder() {
        for folder in [
            "usr/pgsql-16/bin",
            "opt/homebrew/opt/postgresql@17/bin",
            "usr/local/opt/postgresql@14/bin",
            "Applications/Postgres.app/Contents/Versions/16/bin",
            "usr/bin",
        ] {
            let root = tempfile::tempdir().unwrap();
            install(&root.path().join(folder));
            assert_eq!(find_folder("", None, root.path()), Some(root.path().join(folder)));
        }
    }

    #[test]
    fn path_takes_precedence_over_pg_config_and_defaults() {
        let root = tempfile::tempdir().unwrap();
        let (on_path, configured) = (root.path().join("on-path"), root.path().join("configured"));
        install(&root.path().join("usr/bin"));
        install(&configured);
        assert_eq!(find_folder("/nowhere", Some(configured.clone()), root.path()), Some(configured.clone()));
        install(&on_path);
        assert_eq!(find_folder(on_path.to_str().unwrap(), Some(configured), root.path()), Some(on_path));
    }

    #[test]
    fn missing_server_is_reported_in_one_line() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(find_folder("", None, root.path()), None);
        let message = missing_server().to_string();
        assert!(message.contains("install") && !message.contains('\n'), "{message}");
    }
}
