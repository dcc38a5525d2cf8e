use std::fmt;

use icp_domain::ValidationErrors;

use crate::printable::printable;

/// Faulty lines that are shown; the others are counted.
const SHOWN: usize = 1_000;
/// Of each, so that a name of megabytes is not shown whole.
const SHOWN_CHARACTERS: usize = 300;

/// Everything that is wrong with a file, for people: a line for each fault.
#[derive(Debug, Default)]
pub(super) struct FileFaults {
    lines: Vec<String>,
    count: usize,
}

impl FileFaults {
    pub(super) fn of_record(&mut self, line: u64, faults: &ValidationErrors) {
        for fault in faults.all() {
            let pointer = fault.pointer.as_str();
            let separator = if pointer.is_empty() { "" } else { " " };
            self.add(format_args!("line {line}{separator}{pointer}: {} ({})", fault.detail, fault.code));
        }
    }

    pub(super) fn add(&mut self, fault: impl fmt::Display) {
        self.count += 1;
        if self.lines.len() < SHOWN {
            let text = fault.to_string();
            let shown = text.char_indices().nth(SHOWN_CHARACTERS).and_then(|(end, _)| text.get(..end));
            let shown = shown.map_or_else(|| text.clone(), |start| format!("{start}…"));
            self.lines.push(printable(&shown).into_owned());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl fmt::Display for FileFaults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.count == 1 { "fault" } else { "faults" };
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

impl std::error::Error for FileFaults {}
