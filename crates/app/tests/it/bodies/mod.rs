//! Hostile bodies: generated ones, and the largest that are allowed. None causes a 5xx or a partial write.

mod generated;
mod generator;
mod judge;
mod large;
mod odd;
mod requests;
mod spoilt;
mod stored;
pub(crate) mod worst;

/// Held by a test while it runs: it measures times, which another of these tests would change.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
