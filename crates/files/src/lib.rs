#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod faults;
mod printable;
mod records;
mod sink;
mod source;

pub use printable::printable;
pub use sink::LineSink;
pub use source::{FileSource, Progress, Read};
