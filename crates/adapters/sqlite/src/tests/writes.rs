use std::time::{Duration, Instant};

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use icp_ports::{Creation, IcpReader as _, IcpRepository as _, IdempotencyKey, RepositoryError};
use icp_testkit::fixtures::any_creator;

use super::{Fixture, everything, icp, id, user};
use crate::error::Failure;

#[tokio::test]
async fn duplicate_id_is_refused_and_uses_no_key() {
    let fixture = Fixture::new().await;
    let database = &fixture.database;
    let key = IdempotencyKey { user_id: user("user_ada"), key: "key".to_owned(), fingerprint: [1; 32] };
    database.insert(&icp(1), any_creator(), None).await.expect("must insert");
    for key in [None, Some(&key)] {
        let refused = database.insert(&icp(1), any_creator(), key).await;
        assert!(matches!(refused, Err(RepositoryError::AlreadyExists(icp)) if icp == id(1)), "{refused:?}");
    }
    let created = database.insert(&icp(2), any_creator(), Some(&key)).await;
    assert!(matches!(created, Ok(Creation::Created(_))), "{created:?}");
    assert_eq!(database.list(&everything("user_ada")).await.expect("a list").icps.len(), 2);
}

#[tokio::test]
async fn locked_database_is_unavailable_in_time() {
    let fixture = Fixture::new().await;
    let mut other = fixture.connect();
    other.batch_execute("BEGIN IMMEDIATE").expect("must lock");
    let start = Instant::now();
    let (one, two) = (icp(1), icp(2));
    let writes = tokio::join!(
        fixture.database.insert(&one, any_creator(), None),
        fixture.database.insert(&two, any_creator(), None)
    );
    assert!(start.elapsed() < Duration::from_millis(4_700), "{:?}", start.elapsed());
    for write in [writes.0, writes.1] {
        assert!(matches!(write, Err(RepositoryError::Unavailable(_))), "{write:?}");
    }
    other.batch_execute("ROLLBACK").expect("must unlock");
    let list = fixture.database.list(&everything("user_ada")).await.expect("a list");
    assert!(list.icps.is_empty(), "a write that failed is not done later");
    fixture.database.insert(&one, any_creator(), None).await.expect("must insert");
}

#[tokio::test]
async fn message_with_locked_is_not_busy() {
    let fixture = Fixture::new().await;
    let error = diesel::sql_query("SELECT * FROM locked").execute(&mut fixture.connect());
    let Failure(error) = Failure::<RepositoryError>::from(error.expect_err("there is no such table"));
    assert!(matches!(error, RepositoryError::Backend(_)), "{error:?}");
}
