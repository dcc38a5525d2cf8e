use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::project;

/// The application's sources; below them the composition root is `composition.rs` or a folder of that name.
const SOURCES: &str = "crates/app/src";
const COMPOSITION: &str = "composition";
const ADAPTERS: &[&str] = &["icp_clerk", "icp_postgres", "icp_sqlite"];

struct Source {
    /// Below `SOURCES`.
    path: PathBuf,
    text: String,
}

impl Source {
    fn is_composition(&self) -> bool {
        self.path.with_extension("").starts_with(COMPOSITION)
    }
}

/// Where adapters are named that must not be, and adapters that the composition root does not name.
pub(super) fn faults() -> Result<Vec<String>> {
    let folder = project::root()?.join(SOURCES);
    let mut files = Vec::new();
    collect(&folder, &mut files)?;
    let read = |file: PathBuf| -> Result<Source> {
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        Ok(Source { path: file.strip_prefix(&folder)?.to_owned(), text })
    };
    let sources = files.into_iter().map(read).collect::<Result<Vec<Source>>>()?;
    Ok([strays(&sources), unused(&sources)].concat())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(())
}

fn strays(sources: &[Source]) -> Vec<String> {
    let others = sources.iter().filter(|source| !source.is_composition());
    others
        .flat_map(|source| {
            source.text.lines().enumerate().map(move |(index, line)| (source, index + 1, line))
        })
        .filter_map(|(source, number, line)| {
            let adapter = ADAPTERS.iter().find(|adapter| line.contains(**adapter))?;
            Some(format!("{SOURCES}/{}:{number} names {adapter}", source.path.display()))
        })
        .collect()
}

/// A search for a name that is misspelt finds nothing; in the composition root it must find something.
fn unused(sources: &[Source]) -> Vec<String> {
    let named = |adapter: &str| sources.iter().any(|one| one.is_composition() && one.text.contains(adapter));
    let unused = ADAPTERS.iter().filter(|adapter| !named(adapter));
    unused.map(|adapter| format!("{SOURCES}/{COMPOSITION} does not name {adapter}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    #[test]
    fn the_composition_root_may_be_a_file_or_a_folder() {
        let all = ADAPTERS.join("\n");
        for path in ["composition.rs", "composition/storage.rs"] {
            let sources = [source(path, &all), source("main.rs", "use icp_ports::Clock;")];
            assert_eq!([strays(&sources), unused(&sources)].concat(), [""; 0]);
        }
    }

    #[test]
    fn an_adapter_named_elsewhere_is_reported_with_its_line() {
        let sources = [source("http/composition.rs", "\nuse icp_sqlite::Repository;\n")];
        assert_eq!(strays(&sources), ["crates/app/src/http/composition.rs:2 names icp_sqlite"]);
    }

    #[test]
    fn an_adapter_that_is_not_composed_is_reported() {
        let sources = [source("composition.rs", "icp_clerk icp_postgres")];
        assert_eq!(unused(&sources), ["crates/app/src/composition does not name icp_sqlite"]);
    }
}
