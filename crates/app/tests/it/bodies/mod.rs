//! Hostile request bodies, which are generated or expensive to parse. No body may cause a 5xx or a partial write.

mod damage;
mod expected;
mod generated;
mod generator;
mod large;
mod requests;
mod stored;
mod values;
pub(crate) mod worst;
