#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod access;
mod activity;
mod change;
pub mod criteria;
mod decode;
mod document;
mod history;
mod icp;
mod id;
pub mod limits;
mod maybe_known;
mod open_enum;
mod pattern;
mod providers;
#[cfg(feature = "openapi")]
pub mod schema;
#[cfg(not(feature = "openapi"))]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "declarations include schemas, whether or not the module is public"
)]
mod schema;
mod text;
mod timestamp;
mod unknown_fields;
mod user_id;
mod violation;

pub use icp_json as json;

pub use access::{AccessScope, Caller, ListScope};
pub use activity::Activity;
pub use change::IcpChange;
pub use decode::Rules;
pub use document::IcpDocument;
pub use history::{Author, ChangedFields, Operation, Source};
pub use icp::{BodyBuilder, Icp, IcpCopy, IcpPatch, IcpRestore, NewIcp, PatchError};
pub use id::{IcpId, InvalidIcpId};
pub use maybe_known::MaybeKnown;
pub use providers::ProviderList;
pub use text::fold_name;
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use unknown_fields::UnknownFields;
pub use user_id::{EmptyUserId, UserId};
pub use violation::{ValidationErrors, Violation, ViolationCode};
