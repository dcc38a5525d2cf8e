use std::fmt;

use icp_domain::ValidationErrors;

use crate::printable::printable;

/// Maximum number of errors that are shown. Further errors are counted.
const MAX_SHOWN_ERRORS: usize = 1_000;
/// Maximum length of one error in characters. Without this limit, an error that quotes a name could be megabytes long.
const MAX_ERROR_CHARACTERS: usize = 300;

/// The errors in a file: the first [`MAX_SHOWN_ERRORS`], and the number of all errors. `Display` writes one error per
/// line.
#[derive(Debug, Default)]
pub(super) struct FileErrors {
    lines: Vec<String>,
    count: usize,
}

impl FileErrors {
    pub(super) fn add_violations(&mut self, line: u64, errors: &ValidationErrors) {
        for error in errors.all() {
            let pointer = error.pointer.as_str();
            let separator = if pointer.is_empty() { "" } else { " " };
            self.add(format_args!("line {line}{separator}{pointer}: {} ({})", error.detail, error.code));
        }
    }

    pub(super) fn add(&mut self, error: impl fmt::Display) {
        self.count += 1;
        if self.lines.len() < MAX_SHOWN_ERRORS {
            let text = error.to_string();
            let shown = text.char_indices().nth(MAX_ERROR_CHARACTERS).and_then(|(end, _)| text.get(..end));
            let shown = shown.map_or_else(|| text.clone(), |start| format!("{start}…"));
            self.lines.push(printable(&shown).into_owned());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl fmt::Display for FileErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.count == 1 { "error" } else { "errors" };
        write!(formatter, "nothing was imported, because of {} {plural}:", self.count)?;
        for line in &self.lines {
            write!(formatter, "\n  {line}")?;
        }
        match self.count - self.lines.len() {
            0 => Ok(()),
            more => write!(formatter, "\n  and {more} more"),
        }
    }
}

impl std::error::Error for FileErrors {}
