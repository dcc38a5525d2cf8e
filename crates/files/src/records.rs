//! Splits a JSON array or JSON Lines into records. Each record has the number of its line.

use std::io::{self, BufRead};

/// Maximum length of a record in bytes. Without the limit, a file without line breaks could take all memory.
pub(super) const MAX_RECORD_BYTES: usize = 16 * 1024 * 1024;

/// One record. Its bytes may be invalid JSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The number of the line of its first byte. The first line of the file has the number 1.
    pub(super) line: u64,
    pub(super) bytes: Vec<u8>,
}

/// The reason why there is no next record.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("line {line}: {message}")]
    Damaged { line: u64, message: &'static str },
}

/// Reads records. If the first byte that is not blank is `[`, the file is an array. Otherwise it is JSON Lines.
pub(super) struct Records<R> {
    input: R,
    line: u64,
    form: Option<FileForm>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FileForm {
    Lines,
    /// The position is within an array. `started` is true after the first element has begun.
    Array {
        started: bool,
    },
    /// The position is after the end of the array.
    Ended,
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, line: 1, form: None }
    }

    /// Returns true if the file is JSON Lines. This is known after the first record.
    pub(super) fn is_lines(&self) -> bool {
        self.form == Some(FileForm::Lines)
    }

    /// Returns the next record, or `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Record>, RecordError> {
        let form = match self.form {
            Some(form) => form,
            None => self.begin()?,
        };
        match form {
            FileForm::Lines => self.next_line(),
            FileForm::Array { started } => self.next_element(started),
            FileForm::Ended => Ok(None),
        }
    }

    fn begin(&mut self) -> Result<FileForm, RecordError> {
        // Some editors write a byte order mark at the start of UTF-8. It is not a part of the JSON text.
        if self.input.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            self.input.consume(3);
        }
        let form = match self.skip_blanks()? {
            Some(b'[') => {
                self.input.consume(1);
                FileForm::Array { started: false }
            }
            _ => FileForm::Lines,
        };
        self.form = Some(form);
        Ok(form)
    }

    fn next_line(&mut self) -> Result<Option<Record>, RecordError> {
        // Blank lines are not records.
        if self.skip_blanks()?.is_none() {
            return Ok(None);
        }
        let line = self.line;
        let bytes = self.take_until(|byte| byte == b'\n')?;
        Ok(Some(Record { line, bytes }))
    }

    fn next_element(&mut self, started: bool) -> Result<Option<Record>, RecordError> {
        let first = self.skip_blanks()?;
        match (first, started) {
            (None, _) => return self.damaged_error("the array has no end"),
            (Some(b']'), _) => return self.end_of_array(),
            (Some(b','), true) => {
                self.input.consume(1);
                if self.skip_blanks()? == Some(b']') {
                    return self.damaged_error("missing element after a comma");
                }
            }
            (Some(_), true) => return self.damaged_error("missing comma, or missing end of the array"),
            (Some(_), false) => {}
        }
        self.form = Some(FileForm::Array { started: true });
        let line = self.line;
        let mut nesting = Nesting::default();
        let bytes = self.take_until(|byte| nesting.ends_before(byte))?;
        Ok(Some(Record { line, bytes }))
    }

    fn end_of_array(&mut self) -> Result<Option<Record>, RecordError> {
        self.input.consume(1);
        self.form = Some(FileForm::Ended);
        match self.skip_blanks()? {
            None => Ok(None),
            Some(_) => self.damaged_error("unexpected text after the end of the array"),
        }
    }

    fn damaged_error<T>(&self, message: &'static str) -> Result<T, RecordError> {
        Err(RecordError::Damaged { line: self.line, message })
    }

    /// Returns the next byte that is not blank, without consuming it.
    fn skip_blanks(&mut self) -> Result<Option<u8>, RecordError> {
        loop {
            let buffer = self.input.fill_buf()?;
            let blanks = buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let next = buffer.get(blanks).copied();
            let (skipped, at_end) = (buffer.get(..blanks).unwrap_or_default(), buffer.is_empty());
            self.line += line_breaks(skipped);
            self.input.consume(blanks);
            if next.is_some() || at_end {
                return Ok(next);
            }
        }
    }

    /// Returns the bytes before the first byte for which `ends` returns true, or all remaining bytes.
    fn take_until(&mut self, mut ends: impl FnMut(u8) -> bool) -> Result<Vec<u8>, RecordError> {
        let (mut bytes, first_line) = (Vec::new(), self.line);
        loop {
            let buffer = self.input.fill_buf()?;
            let end = buffer.iter().position(|&byte| ends(byte));
            let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
            let (length, at_end) = (part.len(), end.is_some() || buffer.is_empty());
            if bytes.len() + length > MAX_RECORD_BYTES {
                return Err(RecordError::Damaged {
                    line: first_line,
                    message: "a record is longer than 16 MiB",
                });
            }
            self.line += line_breaks(part);
            bytes.extend_from_slice(part);
            self.input.consume(length);
            if at_end {
                return Ok(bytes);
            }
        }
    }
}

fn line_breaks(bytes: &[u8]) -> u64 {
    bytes.split(|&byte| byte == b'\n').count() as u64 - 1
}

/// Finds the end of an element of an array without parsing the element. The end is the first comma or `]` that is
/// outside strings and outside the brackets of the element. The JSON parser finds errors within the element later.
#[derive(Default)]
struct Nesting {
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    fn ends_before(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b',' | b']' if self.depth == 0 => return true,
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Result<Vec<(u64, String)>, String> {
        // The tiny buffer tests records that begin and end at any position of a buffer.
        let mut records = Records::new(io::BufReader::with_capacity(3, text.as_bytes()));
        let mut all = Vec::new();
        while let Some(record) = records.next().map_err(|error| error.to_string())? {
            all.push((
                record.line,
                String::from_utf8(record.bytes).expect("must have been text").trim().to_owned(),
            ));
        }
        Ok(all)
    }

    #[track_caller]
    fn assert_records(text: &str, expected: &[(u64, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(line, text)| (*line, (*text).to_owned())).collect();
        assert_eq!(records(text), Ok(expected), "{text}");
    }

    #[test]
    fn reads_lines_with_their_numbers() {
        assert_records("{\"a\":1}\r\n\n  {\"b\":2}\n7", &[(1, "{\"a\":1}"), (3, "{\"b\":2}"), (4, "7")]);
        assert_records("\u{feff}\n{}\n", &[(2, "{}")]);
        assert_records("", &[]);
        assert_records(" \n \n", &[]);
    }

    #[test]
    fn reads_arrays_over_many_lines() {
        let text = "\n[\n  {\"a\": [1, {\"b\": \"],}\\\"\"}]},\n\n  {},7\n]\n";
        assert_records(text, &[(3, "{\"a\": [1, {\"b\": \"],}\\\"\"}]}"), (5, "{}"), (5, "7")]);
        assert_records("[]", &[]);
    }

    #[test]
    fn array_error_names_position() {
        for (text, message) in [
            ("[{}", "line 1: the array has no end"),
            ("[\n{},\n]", "line 3: missing element after a comma"),
            ("[{}]\n{}", "line 2: unexpected text after the end of the array"),
            ("[", "line 1: the array has no end"),
        ] {
            assert_eq!(records(text), Err(message.to_owned()), "{text}");
        }
        // The JSON parser refuses invalid elements.
        assert_records("[{} {},,1]", &[(1, "{} {}"), (1, ""), (1, "1")]);
    }

    #[test]
    fn endless_record_is_refused() {
        let endless = io::repeat(b'x');
        let mut records = Records::new(io::BufReader::new(endless));
        assert_eq!(records.next().unwrap_err().to_string(), "line 1: a record is longer than 16 MiB");
    }
}
