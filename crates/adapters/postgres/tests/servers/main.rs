//! Tests with real servers: encryption, failover, imports, overload, passwords, replicas and roles.

#![cfg(test)]

mod encryption;
mod failover;
mod imports;
mod overload;
mod passwords;
mod replica;
mod roles;
mod support;
