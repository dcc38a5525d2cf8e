//! Tests that acknowledged writes survive the end of the service or of the database, and that stored ICPs are complete.

mod contention;
mod crashes;
mod restarts;
