//! Servers in production: locked, slow, encrypted, several, failing over.

#![cfg(test)]

mod encryption;
mod failover;
mod overload;
mod passwords;
mod replica;
mod roles;
mod support;
