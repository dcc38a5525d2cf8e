use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, Result};

use crate::project;

/// Where the sources stand whose packages are installed.
pub(super) fn sources(language: &str) -> Result<PathBuf> {
    Ok(project::root()?.join("crates/app/tests/it/clients").join(language))
}

/// Packages in a folder under `target/`, which are installed again only when what describes them has changed.
pub(super) struct Packages {
    pub(super) folder: PathBuf,
    wanted: String,
}

impl Packages {
    /// Those of a language, as the files among its sources and the version of its interpreter describe them.
    pub(super) fn of(language: &str, files: &[&str], version: &str) -> Result<Self> {
        let folder = project::root()?.join("target/clients").join(language);
        let sources = sources(language)?;
        let texts = files.iter().map(|file| read(&sources.join(file))).collect::<Result<Vec<_>>>()?;
        Ok(Self { folder, wanted: format!("{version}\n{}", texts.concat()) })
    }

    /// What a script builds.
    pub(super) fn of_script(name: &str, script: &str) -> Result<Self> {
        Ok(Self { folder: project::root()?.join("target/clients").join(name), wanted: script.to_owned() })
    }

    /// Calls `install` with an empty folder, unless they are there.
    pub(super) fn install(&self, install: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        let stamp = self.folder.join("installed");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == self.wanted) {
            return Ok(());
        }
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("removing {}", self.folder.display()));
            }
            _ => {}
        }
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("making the folder {}", self.folder.display()))?;
        install(&self.folder)?;
        fs::write(&stamp, &self.wanted).with_context(|| format!("writing {}", stamp.display()))
    }
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))
}
