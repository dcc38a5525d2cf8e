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
