//! Tests of the complete service, with the real binary, real databases and real sockets.

#![cfg(test)]

mod support;

mod bodies;
mod clients;
mod durability;
mod history;
mod listing;
mod production;
mod service;
mod writing;
