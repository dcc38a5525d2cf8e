//! Sends generated bodies, and checks the responses and the stored ICPs. The variable `BODIES_SEED` is the seed of the
//! generator (1), and `BODIES_COUNT` is the number of bodies (10,000).

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Instant;

use futures_util::{FutureExt as _, StreamExt as _, stream};

use crate::bodies::expected::CODES;
use crate::bodies::generator::{Action, Request, requests};
use crate::bodies::requests::{Outcome, Sender, TARGETS};
use crate::bodies::stored;
use crate::support::Service;
use crate::support::services::on_both;

/// Number of requests in flight at the same time.
const IN_FLIGHT: usize = 16;

/// Returns the number in an environment variable, or `None` if it is not set.
fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|number| number.parse().expect("must be a number"))
}

on_both!(generated_bodies_cause_no_5xx_or_partial_write);
async fn generated_bodies_cause_no_5xx_or_partial_write(service: &Service) {
    let seed = variable("BODIES_SEED").unwrap_or(1);
    let count = variable("BODIES_COUNT").map_or(10_000, |count| count.try_into().expect("must be in range"));
    let sender = &Sender::new(service).await;
    let before = stored::export(service);
    let started = Instant::now();
    let requests = stream::iter(requests(seed, count, TARGETS));
    let outcomes = requests.map(async |request| send(sender, &request).await);
    let outcomes: Vec<Outcome> = outcomes.buffer_unordered(IN_FLIGHT).collect().await;
    eprintln!("sent in {:.1?}", started.elapsed());
    check_shares(&outcomes);

    let started = Instant::now();
    let stored = stored::export(service);
    stored::check_documents(&stored, &before, &outcomes);
    stored::check_targets(service, &stored, sender).await;
    let users = stored::check_lists(service, &stored, &outcomes).await;
    eprintln!("{} ICPs and {users} lists checked in {:.1?}", stored.len(), started.elapsed());
}

/// Sends a request, and prints it if a check fails.
async fn send(sender: &Sender<'_>, request: &Request) -> Outcome {
    let outcome = AssertUnwindSafe(sender.send(request)).catch_unwind().await;
    outcome.unwrap_or_else(|panic| {
        eprintln!("{request:?}");
        resume_unwind(panic)
    })
}

/// Checks the generator: it must cause every error code and status, and the service must accept 3 to 90 % of its
/// bodies.
fn check_shares(outcomes: &[Outcome]) {
    for is_post in [true, false] {
        let of_action = outcomes.iter().filter(|outcome| (outcome.action == Action::Post) == is_post);
        let accepted: Vec<bool> = of_action.map(|outcome| outcome.icp.is_some()).collect();
        let share = accepted.iter().filter(|accepted| **accepted).count() * 100 / accepted.len();
        eprintln!("{share} % of {} {} accepted", accepted.len(), if is_post { "POST" } else { "PATCH" });
        assert!((3..=90).contains(&share), "{share} % accepted");
    }
    let codes: BTreeSet<&str> =
        outcomes.iter().flat_map(|outcome| &outcome.codes).map(String::as_str).collect();
    assert_eq!(codes, BTreeSet::from(CODES), "every code is reported");
    let statuses: BTreeSet<u16> = outcomes.iter().map(|outcome| outcome.status).collect();
    assert_eq!(statuses, BTreeSet::from([200, 201, 400, 412, 413, 415, 422]), "every status occurs");
}
