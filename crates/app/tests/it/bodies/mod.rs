//! Hostile bodies: generated ones, and the largest that are allowed. None causes a 5xx or a partial write.

mod damage;
mod expected;
mod generated;
mod generator;
mod large;
mod requests;
mod stored;
mod values;
pub(crate) mod worst;
