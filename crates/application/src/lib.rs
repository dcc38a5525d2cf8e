#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod contention;
mod copy;
mod cpu;
mod create;
mod cursor;
mod error;
mod forget;
mod history;
mod idempotency;
mod limits;
mod list;
mod list_cache;
mod long_list;
mod preconditions;
mod replica;
mod service;
mod update;

pub use create::Created;
pub use error::ServiceError;
pub use forget::{forget_stamp, forget_user};
pub use history::{HistoryRequest, HistoryResponse, Retention};
pub use idempotency::{InvalidRequestKey, RequestKey};
pub use limits::Limits;
pub use list::{ListRequest, ListResponse};
pub use long_list::LongList;
pub use preconditions::{Preconditions, VersionMatch};
pub use replica::Replica;
pub use service::{IcpService, parse_for, random_id};
pub use update::Access;
