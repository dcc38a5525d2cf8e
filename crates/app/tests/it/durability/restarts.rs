//! Clients continue to write while PostgreSQL restarts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use icp_test_postgres::{self as postgres, Server, ServerOptions};
use serde_json::Value;
use tokio::time::sleep;

use crate::support::Setup;
use crate::support::ledger::{Failure, Writer, assert_no_errors_before, verify, write_during};

/// The time after an outage in which errors may still occur.
const A_LITTLE: Duration = Duration::from_secs(3);

/// The workers of a stopping service end one after the other, and share their connections until then.
#[tokio::test(flavor = "multi_thread")]
async fn stopped_service_finishes_writes_in_flight() {
    for round in 0..3 {
        let database = postgres::shared().database();
        let setup = Setup::new()
            .with("ICP__DATABASE__URL", database.url())
            .with("ICP__SERVER__WORKERS", "4")
            .with("ICP__SERVER__DRAIN_SECONDS", "0");
        let mut service = setup.clone().start();
        let mut writers: Vec<_> = (0..8).map(|number| Writer::new(&setup, number)).collect();
        let address = service.address.clone();
        write_during(&mut writers, &|| address.clone(), async {
            sleep(Duration::from_millis(500 + 40 * round)).await;
            service.signal("TERM");
            sleep(Duration::from_millis(300)).await;
        })
        .await;
        assert!(service.ended_within(Duration::from_secs(10)).is_some_and(|status| status.success()));
        // Later connections were refused, and no accepted request was dropped.
        for Failure { error, .. } in writers.iter().flat_map(|writer| &writer.failures) {
            assert!(!error.starts_with("500"), "{error}");
        }
        verify(&mut writers, &setup.start()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_see_problems_during_outage_only() {
    let server = Arc::new(Server::start_with(ServerOptions { durable: true }).expect("PostgreSQL starts"));
    let database = server.database().expect("a database");
    let setup = Setup::new().with("ICP__DATABASE__URL", database.url());
    let service = setup.clone().start();
    let mut writers: Vec<_> = (0..8).map(|number| Writer::new(&setup, number)).collect();

    let (began, ended) = write_during(&mut writers, &|| service.address.clone(), async {
        sleep(Duration::from_secs(1)).await;
        let began = Instant::now();
        // Runs on a separate thread, because clients continue.
        let restarting = Arc::clone(&server);
        let restarted = tokio::task::spawn_blocking(move || restarting.restart()).await;
        restarted.expect("must end").expect("must restart");
        let ended = Instant::now();
        sleep(A_LITTLE + Duration::from_secs(2)).await;
        (began, ended)
    })
    .await;

    assert_no_errors_before(&writers, began);
    let failures: Vec<_> = writers.iter().flat_map(|writer| &writer.failures).collect();
    for Failure { at, error, .. } in &failures {
        assert!(*at <= ended + A_LITTLE, "{:?} after the outage: {error}", at.duration_since(ended));
        let problem = error.split_once('{').map(|(_, rest)| format!("{{{rest}"));
        let problem: Value = problem.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        assert_eq!(problem["code"], "INTERNAL_ERROR", "{error}");
    }
    assert!(!failures.is_empty(), "there was an outage");
    assert!(writers.iter().all(|writer| writer.acknowledged > 10), "every writer has written");
    verify(&mut writers, &service).await;
}
