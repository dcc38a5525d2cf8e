//! Creates, reads, changes and deletes of one ICP over HTTP, on both databases.

mod conditions;
mod contending;
mod creating;
mod deleting;
mod dry_run;
mod limits;
mod malformed;
mod patching;
mod quotas;
mod reading;
mod repeating;
mod sharing;
mod target;
mod texts;
mod transport;
mod types;
mod violations;
