use anyhow::Result;

use super::{Variable, found_or_installed};
use crate::install::{self, POOLER};

pub(super) fn prepare() -> Result<Vec<Variable>> {
    let program = found_or_installed(&POOLER, || install::find("pgbouncer"))?;
    Ok(vec![("ICP_TEST_PGBOUNCER", program.into())])
}
