//! Reads from a standby.

use std::time::Duration;

use icp_postgres::{PostgresDatabase, PostgresReplica};
use icp_test_postgres::Server;

use crate::support::{count_icps, migrated_database, store_icp, wait_until};

struct ReplicatedDatabase {
    primary: Server,
    standby: Server,
    database: PostgresDatabase,
    replica: PostgresReplica,
}

impl ReplicatedDatabase {
    /// Starts a primary and a standby that contain one ICP of `user_ada`.
    async fn start(max_lag: Duration) -> Self {
        let primary = Server::start().expect("the server must start");
        let database = migrated_database(&primary.url("postgres")).await;
        let standby = primary.standby().expect("the standby must start");
        store_icp(&database, 1, "user_ada").await.expect("the ICP must be stored");
        let replica = PostgresReplica::start(
            database.clone(),
            crate::support::database(&standby.url("postgres")),
            max_lag,
        );
        wait_until("the standby is used", async || replica.is_used()).await;
        Self { primary, standby, database, replica }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_go_to_standby() {
    let ReplicatedDatabase { primary, standby: _standby, replica, .. } =
        ReplicatedDatabase::start(Duration::from_mins(1)).await;
    // Without the primary, only the standby can serve the read.
    primary.kill().expect("the server must be killed");
    assert_eq!(count_icps(&replica, "user_ada").await.expect("the list must be read"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_standby_is_used_again_after_recovery() {
    let ReplicatedDatabase { standby, replica, primary: _primary, .. } =
        ReplicatedDatabase::start(Duration::from_mins(1)).await;
    standby.kill().expect("the server must be killed");
    assert_eq!(count_icps(&replica, "user_ada").await.expect("the primary must serve the read"), 1);
    wait_until("the standby is not used", async || !replica.is_used()).await;
    standby.start_again().expect("the server must start");
    wait_until("the standby is used again", async || replica.is_used()).await;

    standby.pause().expect("the server must be paused");
    assert_eq!(count_icps(&replica, "user_ada").await.expect("the primary must serve the read in time"), 1);
    standby.resume().expect("the server must resume");
}

#[tokio::test(flavor = "multi_thread")]
async fn standby_with_large_lag_is_not_used() {
    let ReplicatedDatabase { standby, replica, database, primary: _primary } =
        ReplicatedDatabase::start(Duration::from_secs(1)).await;
    standby.execute("SELECT pg_wal_replay_pause()").expect("the replay must pause");
    store_icp(&database, 2, "user_ada").await.expect("the ICP must be stored");
    wait_until("the standby is not used", async || !replica.is_used()).await;
    assert_eq!(count_icps(&replica, "user_ada").await.expect("the primary must serve the read"), 2);
    standby.execute("SELECT pg_wal_replay_resume()").expect("the replay must resume");
    wait_until("the standby is used again", async || replica.is_used()).await;
    assert_eq!(count_icps(&replica, "user_ada").await.expect("the list must be read"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn disconnected_standby_is_not_used() {
    let ReplicatedDatabase { primary, standby: _standby, replica, database } =
        ReplicatedDatabase::start(Duration::from_secs(1)).await;
    primary.refuse_standbys().expect("the server must refuse standbys");
    primary
        .execute("SELECT pg_terminate_backend(pid) FROM pg_stat_replication")
        .expect("the standby must be disconnected");
    store_icp(&database, 2, "user_ada").await.expect("the ICP must be stored");
    wait_until("the standby is not used", async || !replica.is_used()).await;
    assert_eq!(count_icps(&replica, "user_ada").await.expect("the primary must serve the read"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn promoted_standby_is_not_used() {
    let ReplicatedDatabase { standby, replica, primary: _primary, .. } =
        ReplicatedDatabase::start(Duration::from_mins(1)).await;
    standby.promote().expect("the standby must be promoted");
    wait_until("the standby is not used", async || !replica.is_used()).await;
}

/// SQL after which lists of `user_slow` take longer than the timeout of a read on the standby.
const SLOW_DOWN_ONE_USER: &str = "
    ALTER TABLE icp_members RENAME TO all_members;
    CREATE VIEW icp_members AS SELECT * FROM all_members
        WHERE user_id <> 'user_slow' OR (SELECT pg_sleep(1.5) IS NOT NULL);";

#[tokio::test(flavor = "multi_thread")]
async fn slow_query_does_not_stop_use_of_standby() {
    let ReplicatedDatabase { primary, standby: _standby, replica, .. } =
        ReplicatedDatabase::start(Duration::from_mins(1)).await;
    primary.execute(SLOW_DOWN_ONE_USER).expect("the view must be created");
    let started = std::time::Instant::now();
    let slow = async || count_icps(&replica, "user_slow").await;
    let fast = async || {
        let mut read_icps = 0;
        while started.elapsed() < Duration::from_secs(4) {
            assert!(replica.is_used(), "after {:?}", started.elapsed());
            read_icps += count_icps(&replica, "user_ada").await.expect("the list must be read");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        read_icps
    };
    let (slow, fast) = tokio::join!(slow(), fast());
    assert_eq!(slow.expect("the primary must serve the read in the rest of the timeout"), 0);
    assert!(fast > 50, "reads of other users must not wait: {fast} ICPs were read");
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_standby_and_primary_fail_within_five_seconds() {
    let ReplicatedDatabase { primary, standby, replica, .. } =
        ReplicatedDatabase::start(Duration::from_mins(1)).await;
    standby.pause().expect("the server must be paused");
    primary.pause().expect("the server must be paused");
    let started = std::time::Instant::now();
    count_icps(&replica, "user_ada").await.expect_err("the read must fail if both servers hang");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    standby.resume().expect("the server must resume");
    primary.resume().expect("the server must resume");
}
