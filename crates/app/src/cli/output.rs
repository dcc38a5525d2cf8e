//! What commands say.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

use icp_files::printable;

/// Prints a command's result. Whoever has closed the other end has what they want; a full disk is an error.
pub(super) fn print(text: impl Display) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match write!(output, "{text}").and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Says something beside the result. Nothing depends on its being heard. It may quote the texts of others, which must not
/// control the terminal.
pub(super) fn say(text: impl Display) {
    let mut output = io::stderr().lock();
    for line in text.to_string().lines() {
        let _ = writeln!(output, "{}", printable(line));
    }
}
