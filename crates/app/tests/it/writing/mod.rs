//! Tests the routes that create, read, change and delete one ICP, on SQLite and on PostgreSQL.

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
