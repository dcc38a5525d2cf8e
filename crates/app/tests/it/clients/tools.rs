//! The programs that these tests need. `cargo xtask` installs them, and passes their paths in variables.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// Returns the value of a variable.
pub(crate) fn tool(variable: &str) -> PathBuf {
    let value = std::env::var_os(variable).filter(|value| !value.is_empty());
    value
        .unwrap_or_else(|| panic!("{variable} is not set: run this with `cargo xtask test --ignored`"))
        .into()
}

/// Python in a virtual environment with the packages of `python/requirements.txt`.
pub(crate) fn python() -> Command {
    Command::new(tool("ICP_TEST_PYTHON"))
}

/// Where the packages of `typescript/package.json` are.
pub(crate) fn node_modules() -> PathBuf {
    tool("ICP_TEST_NODE_MODULES")
}

/// Node, with a program of one of the packages: `typescript/bin/tsc`.
pub(crate) fn node(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(tool("ICP_TEST_NODE"));
    command.arg(node_modules().join(program));
    command
}

/// A file or folder next to these tests, such as `python/requirements.txt`.
pub(crate) fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients").join(path)
}

/// The OpenAPI document.
pub(crate) fn description() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json")
}

/// Runs a program, which must succeed, and returns its output. Time limit: 10 minutes.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> impl Future<Output = String> {
    let caller = std::panic::Location::caller();
    let shown = format!("{:?}", command.as_std());
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    async move {
        let output = tokio::time::timeout(Duration::from_mins(10), output).await;
        let output = output.unwrap_or_else(|_| panic!("{caller}: {shown} takes too long"));
        let output = output.unwrap_or_else(|error| panic!("{caller}: {shown}: {error}"));
        let (printed, complaints) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{caller}: {shown} failed:\n{printed}\n{complaints}");
        printed.into_owned()
    }
}

/// Copies a file into a folder.
pub(crate) fn copy(file: impl AsRef<Path>, folder: &Path) {
    let file = file.as_ref();
    let name = file.file_name().unwrap_or(OsStr::new(""));
    std::fs::copy(file, folder.join(name)).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}
