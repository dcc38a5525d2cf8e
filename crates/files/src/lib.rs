#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod file_errors;
mod printable;
mod records;
mod sink;
mod source;

pub use printable::printable;
pub use sink::LineSink;
pub use source::{FileSource, Progress, ReadProgress};
