//! The output of commands.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

use icp_files::printable;

/// Prints the result of a command to standard output. A closed pipe is not an error; a full disk is.
pub(super) fn print(text: impl Display) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match write!(output, "{text}").and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Prints a message to standard error, and ignores failures. Control characters except line ends are escaped,
/// because messages may quote texts of users.
pub(super) fn print_message(text: impl Display) {
    let mut output = io::stderr().lock();
    for line in text.to_string().lines() {
        let _ = writeln!(output, "{}", printable(line));
    }
}
