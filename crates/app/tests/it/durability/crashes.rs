//! Kills the service or its database during writes, and checks that no acknowledged write is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use icp_test_postgres::{Server, ServerOptions};
use tokio::time::sleep;

use crate::support::ledger::{Writer, assert_no_errors_before, verify, write_during};
use crate::support::{LIST, Service, Setup, eventually};

const WRITER_COUNT: usize = 8;
const ROUND_COUNT: usize = 4;

fn new_writers(setup: &Setup) -> Vec<Writer> {
    (0..WRITER_COUNT).map(|number| Writer::new(setup, number)).collect()
}

fn acknowledged_writes(writers: &[Writer]) -> usize {
    writers.iter().map(|writer| writer.acknowledged).sum()
}

/// Returns the time after which the process is killed. It differs in each round, and is long enough for some writes.
fn time_before_kill(round: usize) -> Duration {
    Duration::from_millis(300 + 73 * u64::try_from(round).expect("the number must fit"))
}

async fn assert_killed_service_loses_no_write(setup: Setup) {
    let mut writers = new_writers(&setup);
    let mut before = 0;
    for round in 0..ROUND_COUNT {
        let mut service = setup.clone().start();
        verify(&mut writers, &service).await;
        let address = service.address.clone();
        let killed = write_during(&mut writers, &|| address.clone(), async {
            sleep(time_before_kill(round)).await;
            let killed = Instant::now();
            service.child.kill().expect("the process must exit");
            sleep(Duration::from_millis(50)).await;
            killed
        })
        .await;
        assert_no_errors_before(&writers, killed);
        assert!(
            acknowledged_writes(&writers) > before + WRITER_COUNT,
            "the clients must have written in round {round}"
        );
        before = acknowledged_writes(&writers);
    }
    verify(&mut writers, &setup.start()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_service_loses_no_write_on_sqlite() {
    assert_killed_service_loses_no_write(Setup::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_service_loses_no_write_on_postgres() {
    let database = icp_test_postgres::shared().database();
    assert_killed_service_loses_no_write(Setup::new().with("ICP__DATABASE__URL", database.url())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_postgres_loses_no_write() {
    let server =
        Arc::new(Server::start_with(ServerOptions { durable: true }).expect("PostgreSQL must start"));
    let database = server.database().expect("the database must be created");
    let setup = Setup::new().with("ICP__DATABASE__URL", database.url());
    let service = setup.clone().start();
    let mut writers = new_writers(&setup);
    for round in 0..ROUND_COUNT {
        let before = acknowledged_writes(&writers);
        let killed = write_during(&mut writers, &|| service.address.clone(), async {
            sleep(time_before_kill(round)).await;
            let killed = Instant::now();
            let killed_server = Arc::clone(&server);
            tokio::task::spawn_blocking(move || killed_server.kill())
                .await
                .expect("the task must not panic")
                .expect("the process must exit");
            sleep(Duration::from_millis(50)).await;
            killed
        })
        .await;
        assert_no_errors_before(&writers, killed);
        assert!(
            acknowledged_writes(&writers) > before + WRITER_COUNT,
            "the clients must have written in round {round}"
        );
        server.start_again().expect("the server must start");
        assert!(eventually(Duration::from_secs(10), || can_list(&service)).await, "{}", service.log());
        verify(&mut writers, &service).await;
    }
}

async fn can_list(service: &Service) -> bool {
    service.get(LIST, Some(&service.token("user_ada"))).await.status == 200
}
