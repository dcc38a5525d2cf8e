#![doc = include_str!("../README.md")]

mod application;
mod bulk;
pub mod cli;
mod composition;
mod development;
mod housekeeping;
mod http;
mod icps;
mod offload;
pub mod openapi;
mod samples;
pub mod settings;
mod telemetry;

pub use application::Application;
