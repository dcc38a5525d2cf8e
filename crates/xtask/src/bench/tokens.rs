//! Tokens of the development sign-in, whose key lies in the folder that the services run in.

use std::collections::HashMap;
use std::path::Path;
use std::thread;

use anyhow::{Result, bail};

use super::service::Programs;
use crate::project;

/// What a user shows to be let in, by user.
pub(super) type Tokens = HashMap<String, String>;

pub(super) fn make(programs: &Programs, folder: &Path, users: &[String]) -> Result<Tokens> {
    if !folder.join("data/development-key.pem").exists() {
        // The service creates the key at its first start.
        drop(programs.serve(folder, "sqlite://data/first.sqlite3", "first.log")?);
    }
    let token = |user: String| {
        let mut command = programs.icp(folder, &[]);
        let token = project::output(command.args(["token", "--ttl", "1d", "--user", &user]))?;
        Ok((user, token.trim().to_owned()))
    };
    // Each takes a process, and there are hundreds.
    let share = users.len().div_ceil(thread::available_parallelism().map_or(1, usize::from)).max(1);
    thread::scope(|scope| {
        let makers: Vec<_> = users
            .chunks(share)
            .map(|users| scope.spawn(|| users.iter().cloned().map(token).collect::<Result<Vec<_>>>()))
            .collect();
        let made =
            makers.into_iter().map(|maker| maker.join().unwrap_or_else(|_| bail!("a thread panicked")));
        Ok(made.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    })
}
