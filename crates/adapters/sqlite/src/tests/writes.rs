use std::time::{Duration, Instant};

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use icp_ports::{Creation, IcpReader as _, IcpRepository as _, IdempotencyKey, RepositoryError};
use icp_testkit::fixtures::any_creator;

use super::{Fixture, everything, icp, id};
use crate::error::TransactionError;

#[tokio::test]
async fn refused_duplicate_id_does_not_use_key() {
    let fixture = Fixture::new().await;
    let database = &fixture.database;
    let key = IdempotencyKey { key: "key".to_owned(), fingerprint: [1; 32] };
    database.insert(&icp(1), any_creator(), None).await.expect("the ICP must be inserted");
    for key in [None, Some(&key)] {
        let result = database.insert(&icp(1), any_creator(), key).await;
        assert!(matches!(result, Err(RepositoryError::AlreadyExists(icp)) if icp == id(1)), "{result:?}");
    }
    let created = database.insert(&icp(2), any_creator(), Some(&key)).await;
    assert!(matches!(created, Ok(Creation::Created(_))), "{created:?}");
    assert_eq!(database.list(&everything("user_ada")).await.expect("the list must be read").icps.len(), 2);
}

#[tokio::test]
async fn writes_to_locked_database_time_out() {
    let fixture = Fixture::new().await;
    let mut other_process = fixture.connect();
    other_process.batch_execute("BEGIN IMMEDIATE").expect("the lock must be acquired");
    let start = Instant::now();
    let (first, second) = (icp(1), icp(2));
    let writes = tokio::join!(
        fixture.database.insert(&first, any_creator(), None),
        fixture.database.insert(&second, any_creator(), None)
    );
    let elapsed = start.elapsed();
    // The timeout of a write is 4.5 s.
    assert!(elapsed < Duration::from_millis(4_700), "the writes must time out, but took {elapsed:?}");
    for write in [writes.0, writes.1] {
        assert!(matches!(write, Err(RepositoryError::Unavailable(_))), "{write:?}");
    }
    other_process.batch_execute("ROLLBACK").expect("the lock must be released");
    let list = fixture.database.list(&everything("user_ada")).await.expect("the list must be read");
    assert!(list.icps.is_empty(), "a failed write must not be executed later");
    fixture.database.insert(&first, any_creator(), None).await.expect("the ICP must be inserted");
}

#[tokio::test]
async fn table_named_locked_is_no_lock_error() {
    let fixture = Fixture::new().await;
    let error = diesel::sql_query("SELECT * FROM locked").execute(&mut fixture.connect());
    let TransactionError(error) = TransactionError::<RepositoryError>::from(
        error.expect_err("the statement must fail without the table"),
    );
    assert!(matches!(error, RepositoryError::Backend(_)), "{error:?}");
}
