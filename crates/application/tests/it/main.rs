//! The use cases over a repository in memory, and over repositories that count or interfere.

#![cfg(test)]

mod history;
mod list_cache;
mod preconditions;
mod replica;
mod support;
mod use_cases;
