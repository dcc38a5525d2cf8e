//! When a request signs somebody in (docs/contract/clerk-tokens.md), seen from outside.

#![cfg(test)]

mod algorithms;
mod authorization;
mod claims;
mod cookie;
mod key_set;
mod memory;
mod pem;
mod properties;
mod structure;
mod support;
