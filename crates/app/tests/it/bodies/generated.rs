//! Sends generated bodies, and checks the responses and the stored ICPs. The environment variable `BODIES_SEED` sets
//! the seed of the generator (default: 1), and `BODIES_COUNT` sets the number of bodies (default: 10,000).

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Instant;

use futures_util::{FutureExt as _, StreamExt as _, stream};

use crate::bodies::expected::CODES;
use crate::bodies::generator::{Action, Request, requests};
use crate::bodies::requests::{Outcome, Sender, TARGET_COUNT};
use crate::bodies::stored;
use crate::support::Service;
use crate::support::services::on_both_databases;

const MAX_REQUESTS_IN_FLIGHT: usize = 16;

/// Returns the number in an environment variable, or `None` if it is not set.
fn env_number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|number| number.parse().expect("the text must be a number"))
}

on_both_databases!(generated_bodies_cause_no_5xx_or_partial_write);
async fn generated_bodies_cause_no_5xx_or_partial_write(service: &Service) {
    let seed = env_number("BODIES_SEED").unwrap_or(1);
    let count =
        env_number("BODIES_COUNT").map_or(10_000, |count| count.try_into().expect("the number must fit"));
    let sender = &Sender::new(service).await;
    let before = stored::export(service);
    let started = Instant::now();
    let requests = stream::iter(requests(seed, count, TARGET_COUNT));
    let outcomes = requests.map(async |request| send(sender, &request).await);
    let outcomes: Vec<Outcome> = outcomes.buffer_unordered(MAX_REQUESTS_IN_FLIGHT).collect().await;
    eprintln!("sent all requests in {:.1?}", started.elapsed());
    check_generator(&outcomes);

    let started = Instant::now();
    let stored = stored::export(service);
    stored::check_documents(&stored, &before, &outcomes);
    stored::check_targets(service, &stored, sender).await;
    let list_count = stored::check_lists(service, &stored, &outcomes).await;
    eprintln!("checked {} ICPs and {list_count} lists in {:.1?}", stored.len(), started.elapsed());
}

/// Sends a request, and prints it if a check fails.
async fn send(sender: &Sender<'_>, request: &Request) -> Outcome {
    let outcome = AssertUnwindSafe(sender.send(request)).catch_unwind().await;
    outcome.unwrap_or_else(|panic| {
        eprintln!("{request:?}");
        resume_unwind(panic)
    })
}

/// Checks the generator. Its requests must cause all codes of violations, and all statuses that are listed below. The
/// service must accept 3 to 90 % of the requests of each method.
fn check_generator(outcomes: &[Outcome]) {
    for is_post in [true, false] {
        let outcomes_of_method =
            outcomes.iter().filter(|outcome| (outcome.action == Action::Post) == is_post);
        let accepted: Vec<bool> = outcomes_of_method.map(|outcome| outcome.icp.is_some()).collect();
        let share = accepted.iter().filter(|accepted| **accepted).count() * 100 / accepted.len();
        eprintln!(
            "accepted {share} % of {} {} requests",
            accepted.len(),
            if is_post { "POST" } else { "PATCH" }
        );
        assert!((3..=90).contains(&share), "from 3 to 90 % of the bodies must be accepted, not {share} %");
    }
    let codes: BTreeSet<&str> =
        outcomes.iter().flat_map(|outcome| &outcome.codes).map(String::as_str).collect();
    assert_eq!(codes, BTreeSet::from(CODES), "the responses must contain all codes");
    let statuses: BTreeSet<u16> = outcomes.iter().map(|outcome| outcome.status).collect();
    assert_eq!(
        statuses,
        BTreeSet::from([200, 201, 400, 412, 413, 415, 422]),
        "the responses must have all statuses"
    );
}
