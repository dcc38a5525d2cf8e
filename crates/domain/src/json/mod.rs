//! JSON text, read without losing any of it.
//!
//! `serde_json::Value` forgets what JSON can say: how a number was written, the order of names, names
//! that stand twice. What belongs to providers and to newer versions of this crate must come back as it
//! was stored, so this module works on the text itself: `serde_json` proves that a text is JSON, and a small
//! scanner, which never recurses and so has no depth to run out of, finds its way about in it.

mod audit;
mod borrowed;
mod integer;
mod owned;
mod pointer;
mod scan;

pub use audit::{Audit, Flaw, FlawKind};
pub use borrowed::{Elements, Json, Kind, Malformed, Member, Members};
pub(crate) use integer::NoInteger;
pub use owned::JsonText;
pub use pointer::Pointer;
