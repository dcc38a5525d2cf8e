//! Behind a PgBouncer in transaction mode that knows no prepared statements.

use std::time::Duration;

use futures_util::future::join_all;
use icp_test_postgres::{Pooler, Server};
use icp_testkit::fixtures::EXAMPLE_LIST;
use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, LIST, Service, Setup, eventually, stderr, stdout};

/// More requests at once than there are sessions, so that they share them.
const SESSIONS: usize = 3;
const CLIENTS: usize = 48;

fn setup(pooler: &Pooler) -> Setup {
    Setup::new().with("ICP__DATABASE__URL", &pooler.url("postgres"))
}

/// What each of many users gets when they create, change and list at once.
async fn work(service: &Service) -> Vec<Answer> {
    let users = (0..CLIENTS).map(|number| service.token(&format!("user_{number}")));
    let all = users.collect::<Vec<_>>().into_iter().map(async |token| {
        let body = json!({"name": "A", "leadProviderCriteria": []}).to_string();
        let create = service.request(Method::POST, LIST, &token).header("content-type", "application/json");
        let created = Answer::of(create.header("idempotency-key", "one").body(body)).await;
        if created.status != 201 {
            return vec![created];
        }
        let change = json!({"name": "B"});
        let changed = service.send(Method::PATCH, &created.icp_path(), &token, &change).await;
        let filtered = service.get(&format!("{LIST}?name=b&sort=updatedAt&limit=1"), Some(&token)).await;
        vec![created, changed, filtered, service.get(LIST, Some(&token)).await]
    });
    join_all(all).await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer: cargo xtask test --all"]
async fn everything_works_without_prepared_statements() {
    let _alone = crate::alone().await;
    let server = Server::start().expect("it starts");
    let pooler = Pooler::start(&crate::pgbouncer(), server.port(), SESSIONS).expect("it starts");
    let setup = setup(&pooler).with("ICP__DATABASE__PREPARED_STATEMENTS", "false");
    let migrated = setup.icp(&["migrate"]);
    assert!(migrated.status.success(), "{}", stderr(&migrated));
    assert!(setup.icp_with_input(&["import"], EXAMPLE_LIST.as_bytes()).status.success());
    assert_eq!(stdout(&setup.icp(&["export"])).lines().count(), 2);
    let service = setup.start();
    for _ in 0..3 {
        for answer in work(&service).await {
            assert!(answer.status.is_success(), "{answer:?}");
        }
    }
    pooler.kill();
    pooler.start_again().expect("it starts");
    let heals = async || service.list("user_abc123").await.status == 200;
    assert!(eventually(Duration::from_secs(10), heals).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer: cargo xtask test --all"]
async fn who_forgets_to_do_without_finds_it_in_the_log() {
    let _alone = crate::alone().await;
    let server = Server::start().expect("it starts");
    let pooler = Pooler::start(&crate::pgbouncer(), server.port(), SESSIONS).expect("it starts");
    let service = setup(&pooler).start();
    let mut failed = 0;
    for _ in 0..5 {
        for answer in work(&service).await.iter().filter(|answer| !answer.status.is_success()) {
            answer.assert_problem(500, "INTERNAL_ERROR");
            failed += 1;
        }
    }
    assert!(failed > 0, "sessions are shared");
    assert!(service.log().contains("ICP__DATABASE__PREPARED_STATEMENTS=false"), "{}", service.log());
}
