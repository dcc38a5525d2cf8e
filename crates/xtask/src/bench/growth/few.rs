//! A few requests whose answers are so long that wrk, which stops in the middle of one, would count too little.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::super::http::send;
use super::super::requests::Expected;
use super::super::wrk::Outcome;

const CLIENTS: u16 = 2;
/// Of each client.
const REQUESTS: u16 = 2;

/// So many clients at once, each of whom asks again when it has been answered.
pub(super) fn run(address: &str, all: &[Expected]) -> Result<Outcome> {
    let start = Instant::now();
    let client = |number: u16| {
        let mut answers = Vec::new();
        for expected in all.iter().cycle().skip(number.into()).take(REQUESTS.into()) {
            let start = Instant::now();
            let right = send(address, &expected.request).and_then(|answer| expected.check(&answer)).is_ok();
            answers.push((start.elapsed(), right));
        }
        answers
    };
    let answers: Vec<(Duration, bool)> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|number| scope.spawn(move || client(number))).collect();
        let answers = clients.into_iter().map(|client| client.join().or_else(|_| bail!("a thread panicked")));
        Ok::<_, anyhow::Error>(answers.collect::<Result<Vec<_>>>()?.concat())
    })?;
    let failed = answers.iter().filter(|(_, right)| !right).count() as u64;
    Ok(Outcome::of(answers.into_iter().map(|(time, _)| time).collect(), failed, start.elapsed()))
}
