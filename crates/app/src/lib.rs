#![doc = include_str!("../README.md")]

mod application;
pub mod cli;
mod composition;
mod housekeeping;
mod http;
pub mod openapi;
mod sample_sign_in;
mod shutdown;

pub use application::Application;
