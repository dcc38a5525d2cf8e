//! An import beside another transaction.

use async_trait::async_trait;
use icp_domain::IcpDocument;
use icp_ports::{BoxError, ImportExport as _, ImportSource, OnConflict};
use icp_test_postgres as postgres;
use icp_testkit::fixtures::icp;

use crate::support::{client, eventually, migrated, with_causes};

struct Once(Option<IcpDocument>);

#[async_trait]
impl ImportSource for Once {
    async fn next_batch(&mut self) -> Result<Option<Vec<IcpDocument>>, BoxError> {
        Ok(self.0.take().map(|document| vec![document]))
    }
}

/// The import saw no ICP to store as a revision, and would overwrite one.
#[tokio::test(flavor = "multi_thread")]
async fn import_overwrites_no_state_without_revision() {
    let server = postgres::shared().database();
    let database = migrated(server.url()).await;
    // Within a transaction, the activity of the server does not change.
    let [other, observer] = [client(server.url()).await, client(server.url()).await];
    let id = icp(1).document().id();
    let restore = format!(
        "BEGIN; INSERT INTO icps (id, name, created_at, updated_at, document, name_folded, providers)
            VALUES ('{id}', 'x', now(), now(), '{}', 'x', ',')",
        icp(1).document().json(),
    );
    other.batch_execute(&restore).await.expect("must insert");
    let document = icp(1).with("name", "imported").document();
    let import = |document: IcpDocument| {
        let database = database.clone();
        async move { database.import(&mut Once(Some(document)), OnConflict::Replace, true).await }
    };
    let importing = tokio::spawn(import(document.clone()));
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    eventually("the import waits", async || {
        observer.query_one(waits, &[]).await.expect("must read").get::<_, i64>(0) == 1
    })
    .await;
    other.batch_execute("COMMIT").await.expect("must commit");
    let error = importing.await.expect("no panic").expect_err("must be rolled back");
    assert!(with_causes(&error).contains("repeat the import"), "{}", with_causes(&error));
    let summary = import(document).await.expect("must import");
    assert_eq!(summary.replaced, 1);
    let revisions = other.query_one("SELECT count(*) FROM icp_revisions", &[]).await.expect("must read");
    assert_eq!(revisions.get::<_, i64>(0), 1);
}
