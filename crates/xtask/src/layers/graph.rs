use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use crate::project;

pub(super) type Names = BTreeSet<String>;

/// What a crate depends on, itself left out.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    /// Everything that ends up in a program that uses it.
    pub(super) reached: Names,
    /// What its manifest names for that.
    pub(super) direct: Names,
    /// What its manifest names for anything, tests and build scripts too.
    pub(super) named: Names,
}

pub(super) fn dependencies(name: &str) -> Result<Dependencies> {
    let of = |arguments: &[&str]| -> Result<Names> {
        let mut names = tree(&[&["--package", name, "--all-features"], arguments].concat())?;
        ensure!(names.remove(name), "cargo tree does not start with {name}");
        Ok(names)
    };
    Ok(Dependencies {
        reached: of(&["--edges", "normal"])?,
        direct: of(&["--edges", "normal", "--depth", "1"])?,
        named: of(&["--edges", "normal,build,dev", "--depth", "1"])?,
    })
}

/// The workspace's own crates.
pub(super) fn members() -> Result<Names> {
    tree(&["--workspace", "--depth", "0"])
}

fn tree(arguments: &[&str]) -> Result<Names> {
    let mut command = project::cargo()?;
    command.args(["tree", "--locked", "--quiet", "--prefix", "none"]).args(arguments);
    Ok(names(&project::output(&mut command)?))
}

/// The first word of each line: `serde v1.0.0 (*)`.
fn names(output: &str) -> Names {
    output.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_once_each() {
        let output = "icp-ports v0.1.0 (/somewhere)\nserde v1.0.0\n\nserde v1.0.0 (*)\n";
        assert_eq!(names(output).into_iter().collect::<Vec<_>>(), ["icp-ports", "serde"]);
    }
}
