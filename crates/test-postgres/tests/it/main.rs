//! The throwaway PostgreSQL, its proxy and its pooler.

#![cfg(test)]

mod pooler;
mod proxy;
mod servers;
