//! The programs that these tests need. `cargo xtask` installs the programs, and passes their paths in environment
//! variables.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// Returns the path in an environment variable.
pub(crate) fn tool(variable: &str) -> PathBuf {
    let value = std::env::var_os(variable).filter(|value| !value.is_empty());
    value
        .unwrap_or_else(|| panic!("{variable} is not set: run this test with `cargo xtask test --all`"))
        .into()
}

/// Returns a command that runs Python in a virtual environment with the packages of `python/requirements.txt`.
pub(crate) fn python() -> Command {
    Command::new(tool("ICP_TEST_PYTHON"))
}

/// Returns the folder with the packages of `typescript/package.json`.
pub(crate) fn node_modules() -> PathBuf {
    tool("ICP_TEST_NODE_MODULES")
}

/// Returns a command that runs a program of a Node package, such as `typescript/bin/tsc`.
pub(crate) fn node(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(tool("ICP_TEST_NODE"));
    command.arg(node_modules().join(program));
    command
}

/// Returns the path of a file or folder next to these tests, such as `python/requirements.txt`.
pub(crate) fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients").join(path)
}

/// Returns the path of the OpenAPI document.
pub(crate) fn description() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json")
}

/// Runs a program and returns its output. Fails if the program fails or takes longer than 10 minutes.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> impl Future<Output = String> {
    let caller = std::panic::Location::caller();
    let command_text = format!("{:?}", command.as_std());
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    async move {
        let output = tokio::time::timeout(Duration::from_mins(10), output).await;
        let output =
            output.unwrap_or_else(|_| panic!("{caller}: {command_text} did not end within 10 minutes"));
        let output = output.unwrap_or_else(|error| panic!("{caller}: {command_text}: {error}"));
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{caller}: {command_text} failed:\n{stdout}\n{stderr}");
        stdout.into_owned()
    }
}

/// Copies a file into a folder.
pub(crate) fn copy(file: impl AsRef<Path>, folder: &Path) {
    let file = file.as_ref();
    let name = file.file_name().unwrap_or(OsStr::new(""));
    std::fs::copy(file, folder.join(name)).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}
