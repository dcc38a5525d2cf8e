//! Tests with real servers: encryption, failover, overload, passwords, roles and replicas.

#![cfg(test)]

mod encryption;
mod failover;
mod imports;
mod overload;
mod passwords;
mod replica;
mod roles;
mod support;
