#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod faults;
mod records;
mod sink;
mod source;

pub use sink::LineSink;
pub use source::{FileSource, Progress, Read};
