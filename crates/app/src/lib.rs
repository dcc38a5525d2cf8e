#![doc = include_str!("../README.md")]

mod application;
mod bulk;
pub mod cli;
mod composition;
mod development;
mod housekeeping;
mod http;
mod icps;
mod measured;
mod metrics;
mod offload;
pub mod openapi;
mod sample_sign_in;
mod samples;
pub mod settings;
mod shutdown;
mod telemetry;

pub use application::Application;
