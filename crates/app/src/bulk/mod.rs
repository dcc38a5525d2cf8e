//! ICPs from and to files: JSON arrays and JSON Lines of any length, in constant memory.

mod faults;
mod records;
mod sink;
mod source;

pub(crate) use sink::LineSink;
pub(crate) use source::{FileSource, Progress};
