#![doc = include_str!("../README.md")]

mod application;
pub mod cli;
mod composition;
mod development_sign_in;
mod housekeeping;
mod http;
pub mod openapi;
mod shutdown;

pub use application::Application;
