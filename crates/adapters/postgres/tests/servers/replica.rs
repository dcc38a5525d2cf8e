//! Reads from a standby.

use std::time::Duration;

use icp_postgres::{PostgresDatabase, PostgresReplica};
use icp_test_postgres::Server;

use crate::support::{count, eventually, migrated, store};

struct Pair {
    primary: Server,
    standby: Server,
    database: PostgresDatabase,
    replica: PostgresReplica,
}

impl Pair {
    /// A primary and a standby with one ICP of `user_ada`.
    async fn start(max_lag: Duration) -> Self {
        let primary = Server::start().expect("must start");
        let database = migrated(&primary.url("postgres")).await;
        let standby = primary.standby().expect("must replicate");
        store(&database, 1, "user_ada").await.expect("must write");
        let replica = PostgresReplica::start(
            database.clone(),
            crate::support::database(&standby.url("postgres")),
            max_lag,
        );
        eventually("it keeps up", async || replica.is_used()).await;
        Self { primary, standby, database, replica }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_go_to_standby() {
    let Pair { primary, standby: _standby, replica, .. } = Pair::start(Duration::from_mins(1)).await;
    // The primary is stopped, so the replica must serve the read.
    primary.kill().expect("must be killed");
    assert_eq!(count(&replica, "user_ada").await.expect("must read"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_standby_is_used_again_after_recovery() {
    let Pair { standby, replica, primary: _primary, .. } = Pair::start(Duration::from_mins(1)).await;
    standby.kill().expect("must be killed");
    assert_eq!(count(&replica, "user_ada").await.expect("the primary must respond"), 1);
    eventually("it is not used", async || !replica.is_used()).await;
    standby.start_again().expect("must start");
    eventually("it is used again", async || replica.is_used()).await;

    standby.pause().expect("must hang");
    assert_eq!(count(&replica, "user_ada").await.expect("the primary must respond, in time"), 1);
    standby.resume().expect("must resume");
}

#[tokio::test(flavor = "multi_thread")]
async fn standby_too_far_behind_is_not_used() {
    let Pair { standby, replica, database, primary: _primary } = Pair::start(Duration::from_secs(1)).await;
    standby.execute("SELECT pg_wal_replay_pause()").expect("replay must pause");
    store(&database, 2, "user_ada").await.expect("must write");
    eventually("it is not trusted", async || !replica.is_used()).await;
    assert_eq!(count(&replica, "user_ada").await.expect("the primary must respond"), 2);
    standby.execute("SELECT pg_wal_replay_resume()").expect("must resume");
    eventually("it is used again", async || replica.is_used()).await;
    assert_eq!(count(&replica, "user_ada").await.expect("must read"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn standby_that_receives_nothing_is_not_used() {
    let Pair { primary, standby: _standby, replica, database } = Pair::start(Duration::from_secs(1)).await;
    primary.refuse_standbys().expect("must not reconnect");
    primary
        .execute("SELECT pg_terminate_backend(pid) FROM pg_stat_replication")
        .expect("must be disconnected");
    store(&database, 2, "user_ada").await.expect("must write");
    eventually("it is not trusted", async || !replica.is_used()).await;
    assert_eq!(count(&replica, "user_ada").await.expect("the primary must respond"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn promoted_standby_is_not_used() {
    let Pair { standby, replica, primary: _primary, .. } = Pair::start(Duration::from_mins(1)).await;
    standby.promote().expect("must be promoted");
    eventually("it is not used", async || !replica.is_used()).await;
}

/// Lists of `user_slow` take longer than the time limit of a read on the standby.
const SLOW: &str = "
    ALTER TABLE icp_members RENAME TO all_members;
    CREATE VIEW icp_members AS SELECT * FROM all_members
        WHERE user_id <> 'user_slow' OR (SELECT pg_sleep(1.5) IS NOT NULL);";

#[tokio::test(flavor = "multi_thread")]
async fn slow_query_does_not_turn_standby_off() {
    let Pair { primary, standby: _standby, replica, .. } = Pair::start(Duration::from_mins(1)).await;
    primary.execute(SLOW).expect("lists of one user become slow");
    let started = std::time::Instant::now();
    let slow = async || count(&replica, "user_slow").await;
    let fast = async || {
        let mut seen = 0;
        while started.elapsed() < Duration::from_secs(4) {
            assert!(replica.is_used(), "after {:?}", started.elapsed());
            seen += count(&replica, "user_ada").await.expect("must read");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        seen
    };
    let (slow, fast) = tokio::join!(slow(), fast());
    assert_eq!(slow.expect("the primary must respond in the rest of the time"), 0);
    assert!(fast > 50, "others are served");
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_standby_and_primary_fail_within_five_seconds() {
    let Pair { primary, standby, replica, .. } = Pair::start(Duration::from_mins(1)).await;
    standby.pause().expect("must hang");
    primary.pause().expect("must hang");
    let started = std::time::Instant::now();
    count(&replica, "user_ada").await.expect_err("neither must respond");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    standby.resume().expect("must resume");
    primary.resume().expect("must resume");
}
