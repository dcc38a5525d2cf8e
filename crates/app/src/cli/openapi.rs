use super::output;
use crate::openapi;

pub(super) fn run() -> anyhow::Result<()> {
    Ok(output::print(openapi::text())?)
}
