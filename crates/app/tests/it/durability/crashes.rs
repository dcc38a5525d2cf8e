//! The service or its database is killed during writes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use icp_test_postgres::{Server, ServerOptions};
use tokio::time::sleep;

use crate::support::ledger::{Writer, assert_no_errors_before, verify, write_during};
use crate::support::{LIST, Service, Setup, eventually};

const WRITERS: usize = 8;
const ROUNDS: usize = 4;

fn writers(setup: &Setup) -> Vec<Writer> {
    (0..WRITERS).map(|number| Writer::new(setup, number)).collect()
}

fn acknowledged(writers: &[Writer]) -> usize {
    writers.iter().map(|writer| writer.acknowledged).sum()
}

/// A different time in each round, long enough for some writes.
fn moment(round: usize) -> Duration {
    Duration::from_millis(300 + 73 * u64::try_from(round).expect("a small number"))
}

async fn survives_being_killed(setup: Setup) {
    let mut writers = writers(&setup);
    let mut before = 0;
    for round in 0..ROUNDS {
        let mut service = setup.clone().start();
        verify(&mut writers, &service).await;
        let address = service.address.clone();
        let killed = write_during(&mut writers, &|| address.clone(), async {
            sleep(moment(round)).await;
            let killed = Instant::now();
            service.child.kill().expect("must exit");
            sleep(Duration::from_millis(50)).await;
            killed
        })
        .await;
        assert_no_errors_before(&writers, killed);
        assert!(acknowledged(&writers) > before + WRITERS, "there were writes in round {round}");
        before = acknowledged(&writers);
    }
    verify(&mut writers, &setup.start()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_service_loses_nothing_on_sqlite() {
    survives_being_killed(Setup::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_service_loses_nothing_on_postgres() {
    let database = icp_test_postgres::shared().database();
    survives_being_killed(Setup::new().with("ICP__DATABASE__URL", database.url())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_postgres_loses_nothing() {
    let server = Arc::new(Server::start_with(ServerOptions { durable: true }).expect("PostgreSQL starts"));
    let database = server.database().expect("a database");
    let setup = Setup::new().with("ICP__DATABASE__URL", database.url());
    let service = setup.clone().start();
    let mut writers = writers(&setup);
    for round in 0..ROUNDS {
        let before = acknowledged(&writers);
        let killed = write_during(&mut writers, &|| service.address.clone(), async {
            sleep(moment(round)).await;
            let killed = Instant::now();
            let dying = Arc::clone(&server);
            tokio::task::spawn_blocking(move || dying.kill()).await.expect("must end").expect("must exit");
            sleep(Duration::from_millis(50)).await;
            killed
        })
        .await;
        assert_no_errors_before(&writers, killed);
        assert!(acknowledged(&writers) > before + WRITERS, "there were writes in round {round}");
        server.start_again().expect("must start");
        assert!(eventually(Duration::from_secs(10), || works(&service)).await, "{}", service.log());
        verify(&mut writers, &service).await;
    }
}

async fn works(service: &Service) -> bool {
    service.get(LIST, Some(&service.token("user_ada"))).await.status == 200
}
