//! The `icp` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    icp_app::cli::main()
}
