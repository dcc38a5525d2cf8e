#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod audit;
mod borrowed;
mod integer;
mod owned;
mod pointer;
mod scan;
mod wire_list;

pub use audit::{Audit, Flaw, FlawKind};
pub use borrowed::{Elements, Json, Kind, Malformed, Member, Members};
pub use integer::NotInteger;
pub use owned::JsonText;
pub use pointer::{InvalidPointer, Pointer};
pub use wire_list::{WireList, WireListBuilder};
