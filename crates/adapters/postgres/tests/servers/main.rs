//! Tests with servers as in production: locked, slow, encrypted, and with failover.

#![cfg(test)]

mod encryption;
mod failover;
mod imports;
mod overload;
mod passwords;
mod replica;
mod roles;
mod support;
