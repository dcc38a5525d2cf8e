use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use icp_test_postgres::Pooler;

use super::packages::Packages;
use super::{Variable, found_or_installed};
use crate::install::{self, POOLER, POOLER_BUILD};
use crate::{project, say};

/// Debian 12 has PgBouncer 1.18, which forgets prepared statements in transaction mode. Debian 13 has a newer one, which is
/// built from its source package.
const BUILD: &str = include_str!("build-pgbouncer.sh");

pub(super) fn prepare() -> Result<Vec<Variable>> {
    let found = install::find("pgbouncer").filter(|program| Pooler::supports_prepared_statements(program));
    let program = match found {
        Some(program) => program,
        None if install::find("apt-get").is_some() => {
            let built = Packages::of_script("pgbouncer", BUILD)?;
            built.install(build)?;
            built.folder.join("pgbouncer")
        }
        None => found_or_installed(&POOLER, || {
            install::find("pgbouncer").filter(|program| Pooler::supports_prepared_statements(program))
        })?,
    };
    Ok(vec![("ICP_TEST_PGBOUNCER", program.into())])
}

fn build(folder: &Path) -> Result<()> {
    install::install(&POOLER_BUILD)?;
    say("building PgBouncer from Debian's source package");
    if project::succeeds(Command::new("sh").args(["-c", BUILD, "build-pgbouncer"]).arg(folder))? {
        return Ok(());
    }
    bail!("PgBouncer does not build: {}", POOLER.advice)
}
