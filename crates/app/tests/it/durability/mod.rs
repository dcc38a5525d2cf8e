//! Acknowledged writes survive kills of the service and the database, and stored ICPs are complete.

mod contention;
mod crashes;
mod restarts;
