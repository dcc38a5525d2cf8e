#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod list_builder;
mod version_cache;

pub use list_builder::ListBuilder;
pub use version_cache::VersionCache;
