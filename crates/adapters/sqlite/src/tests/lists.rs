use std::cell::Cell;
use std::num::NonZeroUsize;
use std::time::Duration;

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use icp_domain::Timestamp;
use icp_ports::{
    Conditional, Direction, IcpReader as _, IcpRepository as _, ImportExport as _, ListCursor, ListFilter,
    ListQuery, ListStart, OnConflict, Sort, SortKey,
};
use icp_testkit::fixtures::any_creator;

use super::{BatchSource, Fixture, everything, icp, id, padded_icp};
use crate::connect::Access;
use crate::error::TransactionError;
use crate::list::{self, Extent};
use crate::list_query;
use crate::pool::{Job, Session};

fn sorted_query(sort: Sort) -> ListQuery {
    ListQuery { start: ListStart::Beginning(sort), ..everything("user_ada") }
}

/// Overwrites the pointer to the next page in every overflow page that contains only the byte `padding`. SQLite can
/// then no longer read the documents with this padding.
fn damage_overflow_pages(fixture: &Fixture, padding: u8) {
    fixture.connect().batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").expect("the statement must succeed");
    let mut bytes = std::fs::read(fixture.path()).expect("the file must be readable");
    let mut damaged = 0;
    for page in bytes.chunks_mut(4_096) {
        let (next_page, content) = page.split_at_mut(4);
        if content.iter().all(|byte| *byte == padding) {
            next_page.fill(0xff);
            damaged += 1;
        }
    }
    assert!(damaged > 0, "at least one page must contain only padding");
    std::fs::write(fixture.path(), bytes).expect("the file must be written");
}

#[tokio::test]
async fn list_reads_no_documents_after_its_size_limit() {
    let fixture = Fixture::new().await;
    let documents = [padded_icp(1, &"a".repeat(30_000)), padded_icp(2, &"b".repeat(30_000)), icp(3)];
    for document in &documents {
        fixture.database.insert(document, any_creator(), None).await.expect("the ICP must be inserted");
    }
    let complete = fixture.database.list(&everything("user_ada")).await.expect("the list must be read");
    damage_overflow_pages(&fixture, b'b');
    let database = fixture.reopen().await;
    for sort in [Sort::CreatedAt, Sort::UpdatedAt, Sort::Name, Sort::ActiveUntil] {
        let complete_query = sorted_query(sort);
        database.list(&complete_query).await.expect_err("a complete list must read the damaged document");
        let short_query = ListQuery { max_bytes: NonZeroUsize::new(1), ..complete_query.clone() };
        let list = database
            .list(&short_query)
            .await
            .expect("a list that has reached `max_bytes` must not read the damaged document");
        assert_eq!((list.icps.len(), list.next.map(|cursor| cursor.id)), (1, Some(id(1))));
        assert_eq!(list.version, complete.version);
        let part = database
            .list_part(&short_query)
            .await
            .expect("a list that has reached `max_bytes` must not read the damaged document");
        assert_eq!((part.icps.len(), part.next.map(|cursor| cursor.id)), (1, Some(id(1))));
        let unchanged = database
            .list_if_changed(&complete_query, &[complete.version])
            .await
            .expect("the list must be read");
        assert_eq!(unchanged, Conditional::Unchanged(complete.version));
    }
}

/// Calls `read` with a job whose caller stops waiting after ten rows. Returns the number of rows that were read.
fn count_rows_of_abandoned_read<T>(
    session: &mut Session,
    read: impl FnOnce(&mut Job<'_>) -> Result<T, TransactionError>,
) -> usize {
    let rows = Cell::new(0);
    let is_abandoned = || rows.replace(rows.get() + 1) == 10;
    let result = read(&mut Job { session, is_abandoned: &is_abandoned, long_read: None });
    assert!(result.is_err(), "an abandoned read must fail");
    // The last check of `is_abandoned` returned true, so no row was read after it.
    rows.get() - 1
}

#[tokio::test]
async fn abandoned_list_stops_at_next_row() {
    let fixture = Fixture::new().await;
    let documents = (1..=100).map(icp).collect();
    fixture
        .database
        .import(&mut BatchSource(vec![documents]), OnConflict::Fail, false)
        .await
        .expect("the import must succeed");
    let mut session =
        Session::open(&fixture.database.file, Access::Read).expect("the database must be opened");
    for query in [everything("user_ada"), sorted_query(Sort::Name)] {
        for extent in [Extent::List, Extent::Part, Extent::Version] {
            assert_eq!(count_rows_of_abandoned_read(&mut session, |job| list::read(job, &query, extent)), 10);
        }
    }
}

#[tokio::test]
async fn version_of_abandoned_list_is_not_cached() {
    let fixture = Fixture::new().await;
    let documents = (1..=100).map(icp).collect();
    fixture
        .database
        .import(&mut BatchSource(vec![documents]), OnConflict::Fail, false)
        .await
        .expect("the import must succeed");
    let query = everything("user_ada");
    let complete = fixture.database.list(&query).await.expect("the list must be read").version;
    let mut session =
        Session::open(&fixture.database.file, Access::Read).expect("the database must be opened");
    count_rows_of_abandoned_read(&mut session, |job| list::version(job, &query));
    let version =
        list::version(&mut Job { session: &mut session, is_abandoned: &|| false, long_read: None }, &query);
    assert_eq!(version.expect("the list must be read"), complete);
}

#[tokio::test]
async fn nul_in_user_filter_or_cursor_is_accepted() {
    let fixture = Fixture::new().await;
    fixture.database.insert(&icp(1), any_creator(), None).await.expect("the ICP must be inserted");
    for user_id in ["\0", "user_ada\0", "user\0_ada"] {
        let list = fixture.database.list(&everything(user_id)).await.expect("the list must be read");
        assert!(list.icps.is_empty(), "{user_id:?}");
    }
    for text in ["\0", "icp\0", "icp 1\0"].map(str::to_owned) {
        let filters = [
            ListFilter { name: Some(text.clone()), ..ListFilter::default() },
            ListFilter { provider: Some(text.clone()), ..ListFilter::default() },
        ];
        for filter in filters {
            let query = ListQuery { filter, ..everything("user_ada") };
            assert!(
                fixture.database.list(&query).await.expect("the list must be read").icps.is_empty(),
                "{text:?}"
            );
        }
    }
    let cursor = ListCursor { key: SortKey::Name("icp 1\0".to_owned()), id: id(1) };
    let query = ListQuery {
        start: ListStart::After(cursor),
        direction: Direction::Descending,
        ..everything("user_ada")
    };
    assert_eq!(fixture.database.list(&query).await.expect("the list must be read").icps.len(), 1);
}

#[tokio::test]
async fn cached_version_changes_with_every_write() {
    let fixture = Fixture::with_readers(1).await;
    let query = everything("user_ada");
    let mut version = fixture.database.list(&query).await.expect("the list must be read").version;
    for number in 1..=3 {
        for _ in 0..2 {
            let unchanged =
                fixture.database.list_if_changed(&query, &[version]).await.expect("the list must be read");
            assert_eq!(unchanged, Conditional::Unchanged(version));
        }
        fixture.database.insert(&icp(number), any_creator(), None).await.expect("the ICP must be inserted");
        let changed =
            fixture.database.list_if_changed(&query, &[version]).await.expect("the list must be read");
        let Conditional::Changed(list) = changed else { panic!("{changed:?}") };
        assert_eq!(list.icps.len() as u128, number);
        version = list.version;
    }
}

#[tokio::test]
async fn cached_version_changes_with_writes_of_other_processes() {
    let fixture = Fixture::with_readers(1).await;
    let (database, query) = (&fixture.database, everything("user_ada"));
    database.insert(&icp(1), any_creator(), None).await.expect("the ICP must be inserted");
    let version = database.list(&query).await.expect("the list must be read").version;
    // A connection that shares nothing with the adapter, as in another process.
    let mut other_process = fixture.connect();
    for statement in ["BEGIN IMMEDIATE", "UPDATE icps SET version = version + 1"] {
        other_process.batch_execute(statement).expect("the statement must succeed");
        let unchanged = database.list_if_changed(&query, &[version]).await.expect("the list must be read");
        assert_eq!(
            unchanged,
            Conditional::Unchanged(version),
            "the version must not change before the commit: {statement}"
        );
    }
    other_process.batch_execute("COMMIT").expect("the transaction must commit");
    let changed = database.list_if_changed(&query, &[version]).await.expect("the list must be read");
    assert!(matches!(changed, Conditional::Changed(_)));
}

#[tokio::test]
async fn only_versions_of_complete_lists_are_cached() {
    let fixture = Fixture::new().await;
    let mut session =
        Session::open(&fixture.database.file, Access::Read).expect("the database must be opened");
    let limited_query = ListQuery { limit: NonZeroUsize::new(1), ..everything("user_ada") };
    let mut job = Job { session: &mut session, is_abandoned: &|| false, long_read: None };
    list::version(&mut job, &limited_query).expect("the list must be read");
    let user_id = limited_query.scope.user_id();
    assert_eq!(job.session.versions.get(user_id), None, "the version of a page must not be cached");
    list::version(&mut job, &everything("user_ada")).expect("the list must be read");
    assert!(job.session.versions.get(user_id).is_some(), "the version of the complete list must be cached");
}

/// Returns the query plan: the steps by which SQLite executes a list query.
fn query_plan(fixture: &Fixture, query: &ListQuery) -> String {
    #[derive(diesel::QueryableByName)]
    struct Step {
        #[diesel(sql_type = diesel::sql_types::Text)]
        detail: String,
    }
    let sql =
        diesel::debug_query::<diesel::sqlite::Sqlite, _>(&list_query::filtered_query(query)).to_string();
    let sql = sql.split(" -- binds").next().expect("the text must begin with the SQL");
    let mut session =
        Session::open(&fixture.database.file, Access::Read).expect("the database must be opened");
    let steps = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}"));
    let steps: Vec<Step> = steps.load(&mut session.connection).expect("the plan must be read");
    steps.into_iter().map(|step| step.detail + "\n").collect()
}

#[tokio::test]
async fn page_is_read_in_index_order() {
    let fixture = Fixture::new().await;
    let cursor = ListCursor { key: SortKey::CreatedAt(Timestamp::UNIX_EPOCH), id: id(1) };
    for direction in [Direction::Ascending, Direction::Descending] {
        let start = ListStart::After(cursor.clone());
        let plan = query_plan(&fixture, &ListQuery { start, direction, ..everything("user_ada") });
        assert!(plan.contains("PRIMARY KEY (user_id=? AND (created_at,icp_id)"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE") && !plan.contains("MATERIALIZE"), "{plan}");
    }
}

#[tokio::test]
async fn rows_are_sorted_before_documents_are_read() {
    let fixture = Fixture::new().await;
    for sort in [Sort::UpdatedAt, Sort::Name, Sort::ActiveUntil] {
        let plan = query_plan(&fixture, &sorted_query(sort));
        let (rows, documents) = plan.split_once("SCAN found").expect("the plan must scan the sorted rows");
        assert!(rows.starts_with("MATERIALIZE found") && rows.contains("TEMP B-TREE"), "{plan}");
        assert!(documents.contains("SEARCH icps USING INTEGER PRIMARY KEY"), "{plan}");
    }
}

#[tokio::test]
async fn only_long_reads_of_user_wait_for_each_other() {
    let fixture = Fixture::new().await;
    let database = &fixture.database;
    let query = everything("user_ada");
    let insert = async |document| {
        database.insert(&document, any_creator(), None).await.expect("the ICP must be inserted")
    };
    insert(icp(1)).await;
    let permit = database.long_read_permits.acquire(query.scope.user_id()).await;
    assert_eq!(database.list(&query).await.expect("a short list must need no permit").icps.len(), 1);
    insert(padded_icp(2, &"a".repeat(70_000))).await;
    let mut long_list = std::pin::pin!(database.list(&query));
    let waiting = tokio::time::timeout(Duration::from_millis(100), &mut long_list).await;
    assert!(waiting.is_err(), "a long list must wait for the permit");
    drop(permit);
    assert_eq!(long_list.await.expect("the list must be read").icps.len(), 2);
}
