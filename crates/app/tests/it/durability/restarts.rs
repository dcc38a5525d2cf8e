//! Stops the service or restarts PostgreSQL while clients write.

use std::sync::Arc;
use std::time::{Duration, Instant};

use icp_test_postgres::{self as postgres, Server, ServerOptions};
use serde_json::Value;
use tokio::time::sleep;

use crate::support::Setup;
use crate::support::ledger::{Failure, Writer, assert_no_errors_before, verify, write_during};

/// The time after an outage in which errors may still occur.
const RECOVERY_TIME: Duration = Duration::from_secs(3);

/// When the service stops, its workers end one after the other. Until all workers have ended, they share database
/// connections.
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
        assert!(service.wait_for_exit(Duration::from_secs(10)).is_some_and(|status| status.success()));
        // After the signal, new connections are refused. Accepted requests must not fail with a 500.
        for Failure { error, .. } in writers.iter().flat_map(|writer| &writer.failures) {
            assert!(!error.starts_with("500"), "{error}");
        }
        verify(&mut writers, &setup.start()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_get_errors_only_during_outage() {
    let server =
        Arc::new(Server::start_with(ServerOptions { durable: true }).expect("PostgreSQL must start"));
    let database = server.database().expect("the database must be created");
    let setup = Setup::new().with("ICP__DATABASE__URL", database.url());
    let service = setup.clone().start();
    let mut writers: Vec<_> = (0..8).map(|number| Writer::new(&setup, number)).collect();

    let (began, ended) = write_during(&mut writers, &|| service.address.clone(), async {
        sleep(Duration::from_secs(1)).await;
        let began = Instant::now();
        // The restart blocks its thread, so it runs on a separate thread. The clients continue during the restart.
        let server = Arc::clone(&server);
        let restarted = tokio::task::spawn_blocking(move || server.restart()).await;
        restarted.expect("the task must not panic").expect("PostgreSQL must restart");
        let ended = Instant::now();
        sleep(RECOVERY_TIME + Duration::from_secs(2)).await;
        (began, ended)
    })
    .await;

    assert_no_errors_before(&writers, began);
    let failures: Vec<_> = writers.iter().flat_map(|writer| &writer.failures).collect();
    for Failure { at, error, .. } in &failures {
        assert!(
            *at <= ended + RECOVERY_TIME,
            "an error occurred {:?} after the outage: {error}",
            at.duration_since(ended)
        );
        let problem = error.split_once('{').map(|(_, rest)| format!("{{{rest}"));
        let problem: Value = problem.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        assert_eq!(problem["code"], "INTERNAL_ERROR", "{error}");
    }
    assert!(!failures.is_empty(), "some requests must fail during the outage");
    assert!(writers.iter().all(|writer| writer.acknowledged > 10), "each writer must have written");
    verify(&mut writers, &service).await;
}
