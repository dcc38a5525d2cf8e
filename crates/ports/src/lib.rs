#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod authentication;
mod clock;
mod forget;
mod health;
mod history;
mod idempotency;
mod import_export;
mod list;
mod migrations;
mod quota;
mod repository;
mod stored;

pub use authentication::*;
pub use clock::*;
pub use forget::*;
pub use health::*;
pub use history::*;
pub use idempotency::*;
pub use import_export::*;
pub use list::*;
pub use migrations::*;
pub use quota::*;
pub use repository::*;
pub use stored::*;
