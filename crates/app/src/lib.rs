#![doc = include_str!("../README.md")]

mod application;
mod bulk;
pub mod cli;
mod composition;
mod development;
mod housekeeping;
mod http;
mod measured;
mod metrics;
pub mod openapi;
mod sample_sign_in;
mod samples;
pub mod settings;
mod shutdown;
mod telemetry;

pub use application::Application;
