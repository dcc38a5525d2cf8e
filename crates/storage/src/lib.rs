#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod history_page;
mod list_builder;
mod version_cache;

pub use history_page::history_page;
pub use list_builder::ListBuilder;
pub use version_cache::VersionCache;
