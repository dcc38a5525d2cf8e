//! Tests the rules of docs/reference/clerk-tokens.md through the public API.

#![cfg(test)]

mod access_token;
mod algorithms;
mod authorization;
mod claims;
mod cookie;
mod key_set;
mod pem;
mod properties;
mod structure;
mod support;
mod token_cache;
