//! What the architecture promises of the layers, checked against what cargo resolves and what the sources say.

mod features;
mod graph;
mod rules;
mod sources;
mod wasm;

use std::process::ExitCode;

use anyhow::Result;

use crate::{say, verdict};

pub(crate) fn run() -> Result<ExitCode> {
    Ok(verdict(hold()?))
}

/// Whether every layer keeps its promises; prints those that are broken.
pub(crate) fn hold() -> Result<bool> {
    let dependencies = dependencies()?;
    let sources = report("only the composition root names adapters", &sources::faults()?);
    let features = report("nothing changes how JSON is read", &features::faults()?);
    Ok(dependencies & sources & features & wasm::builds()?)
}

fn dependencies() -> Result<bool> {
    let members = graph::members()?;
    let mut kept = report("every crate has its layer", &rules::unknown(&members));
    for layer in rules::LAYERS {
        let faults = rules::faults(layer, &graph::dependencies(layer.name)?, &members);
        kept &= report(&format!("{} keeps to its layer", layer.name), &faults);
    }
    Ok(kept)
}

fn report(promise: &str, faults: &[String]) -> bool {
    say(&format!("{}: {promise}", if faults.is_empty() { "ok" } else { "BROKEN" }));
    for fault in faults {
        println!("    {fault}");
    }
    faults.is_empty()
}
