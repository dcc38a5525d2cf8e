//! Tests of the use cases on a repository in memory, and on repositories that count calls or simulate other writers.

#![cfg(test)]

mod history;
mod list_cache;
mod preconditions;
mod replica;
mod support;
mod use_cases;
