//! The service from outside: the real binary, real databases, real sockets.

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
