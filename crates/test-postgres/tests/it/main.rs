//! Tests of the temporary server, the proxy and the pooler.

#![cfg(test)]

mod pooler;
mod proxy;
mod servers;
