//! An import during another transaction.

use async_trait::async_trait;
use icp_domain::IcpDocument;
use icp_ports::{BoxError, ImportExport as _, ImportSource, OnConflict};
use icp_test_postgres as postgres;
use icp_testkit::fixtures::icp;

use crate::support::{client, migrated_database, wait_until, with_causes};

/// A source with a single batch of one document.
struct SingleDocument(Option<IcpDocument>);

#[async_trait]
impl ImportSource for SingleDocument {
    async fn next_batch(&mut self) -> Result<Option<Vec<IcpDocument>>, BoxError> {
        Ok(self.0.take().map(|document| vec![document]))
    }
}

/// Another transaction inserts an ICP, and commits after the import has looked for ICPs to replace. If the import
/// replaced this ICP, the state of the other transaction would be missing from the history.
#[tokio::test(flavor = "multi_thread")]
async fn import_fails_if_icp_appears_during_import() {
    let server = postgres::shared().database();
    let database = migrated_database(server.url()).await;
    // The open transaction cannot observe the import: within a transaction, `pg_stat_activity` does not change after
    // the first read. So `observer` is a second connection.
    let [other_transaction, observer] = [client(server.url()).await, client(server.url()).await];
    let id = icp(1).document().id();
    let insert = format!(
        "BEGIN; INSERT INTO icps (id, name, created_at, updated_at, document, name_folded, providers)
            VALUES ('{id}', 'x', now(), now(), '{}', 'x', ',')",
        icp(1).document().json(),
    );
    other_transaction.batch_execute(&insert).await.expect("the rows must be inserted");
    let document = icp(1).with("name", "imported").document();
    let import = |document: IcpDocument| {
        let database = database.clone();
        async move { database.import(&mut SingleDocument(Some(document)), OnConflict::Replace, true).await }
    };
    let importing = tokio::spawn(import(document.clone()));
    let count_lock_waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    wait_until("the import waits for the other transaction", async || {
        observer.query_one(count_lock_waits, &[]).await.expect("the query must succeed").get::<_, i64>(0) == 1
    })
    .await;
    other_transaction.batch_execute("COMMIT").await.expect("the transaction must commit");
    let error =
        importing.await.expect("the import must not panic").expect_err("the import must be rolled back");
    assert!(with_causes(&error).contains("repeat the import"), "{}", with_causes(&error));
    let summary = import(document).await.expect("the import must succeed");
    assert_eq!(summary.replaced, 1);
    let revisions = other_transaction
        .query_one("SELECT count(*) FROM icp_revisions", &[])
        .await
        .expect("the query must succeed");
    assert_eq!(revisions.get::<_, i64>(0), 1);
}
