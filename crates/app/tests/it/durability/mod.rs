//! What was acknowledged is there, whatever is killed meanwhile; and what is there is whole.

mod contention;
mod crashes;
mod restarts;
