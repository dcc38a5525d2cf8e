//! Hostile bodies: generated and maximum ones. None causes a 5xx or a partial write.

mod damage;
mod expected;
mod generated;
mod generator;
mod large;
mod requests;
mod stored;
mod values;
pub(crate) mod worst;

/// Tests that measure times acquire this lock, so that they do not disturb each other.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
