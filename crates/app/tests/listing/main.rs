//! The list: as a whole, in part, and again.

#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../writing/services.rs"]
#[allow(dead_code, reason = "each test target uses some of it")]
mod services;
#[path = "../writing/users.rs"]
#[allow(dead_code, reason = "each test target uses some of it")]
mod users;

mod pagination;
mod records;
mod unchanged;

mod compression;
mod conditions;
mod cross_origin;
mod filters;
mod kept;
mod large;
mod manners;
mod pages;
mod parameters;
mod parts;
