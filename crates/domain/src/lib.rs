#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod access;
mod activity;
mod change;
pub mod criteria;
mod decode;
mod document;
mod extra;
mod fault;
mod icp;
mod icp_patch;
mod id;
pub mod limits;
mod members;
mod new_icp;
mod open_enum;
mod part;
mod providers;
#[cfg(feature = "openapi")]
pub mod schema;
mod timestamp;
mod user_id;
mod wire_list;

pub use icp_json as json;

pub use access::{AccessScope, Caller, ListScope};
pub use activity::Activity;
pub use change::IcpChange;
pub use decode::Rules;
pub use document::IcpDocument;
pub use extra::ExtraMembers;
pub use fault::{Fault, FaultCode, Faults};
pub use icp::Icp;
pub use icp_patch::IcpPatch;
pub use id::{IcpId, InvalidIcpId};
pub use new_icp::NewIcp;
pub use part::Part;
pub use providers::ProviderList;
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use user_id::{EmptyUserId, UserId};
pub use wire_list::{WireList, WireListBuilder};
