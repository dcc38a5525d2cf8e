//! What the tests in `clients` and `production` need beyond Rust: found or installed, and told to them in environment variables.

mod browser;
mod node;
mod packages;
mod pooler;
mod python;

use std::ffi::OsString;

use anyhow::{Context, Result};

use crate::install::{self, CURL, PROXIES, Software, WRK};

/// A variable that tests read, and its value.
pub(crate) type Variable = (&'static str, OsString);

/// Everything that they need.
pub(crate) fn prepare() -> Result<Vec<Variable>> {
    let curl = found_or_installed(&CURL, || install::find("curl"))?;
    found_or_installed(&PROXIES, || install::find("nginx").and(install::find("haproxy")))?;
    let curl = vec![("ICP_TEST_CURL", curl.into())];
    Ok([node::prepare()?, python::prepare()?, curl, browser::prepare()?, pooler::prepare()?].concat())
}

/// What `cargo xtask bench` sends requests with.
pub(crate) fn load_generator() -> Result<()> {
    found_or_installed(&WRK, || install::find("wrk")).map(drop)
}

/// What `find` finds, if need be once it has been installed.
fn found_or_installed<T>(software: &Software, find: impl Fn() -> Option<T>) -> Result<T> {
    if let Some(found) = find() {
        return Ok(found);
    }
    install::install(software)?;
    find().with_context(|| {
        format!("installed {}, and it still will not do: {}", software.name, software.advice)
    })
}
