//! Reading from a standby.

use std::time::Duration;

use icp_postgres::{PostgresDatabase, PostgresReplica};
use icp_testkit::postgres::Server;

use crate::support::{count, eventually, migrated, store};

struct Pair {
    primary: Server,
    standby: Server,
    database: PostgresDatabase,
    replica: PostgresReplica,
}

impl Pair {
    /// With one ICP of `user_ada`.
    async fn start(max_lag: Duration) -> Self {
        let primary = Server::start().expect("it starts");
        let database = migrated(&primary.url("postgres")).await;
        let standby = primary.standby().expect("it follows");
        store(&database, 1, "user_ada").await.expect("it writes");
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
async fn reads_go_to_the_standby() {
    let Pair { primary, standby: _standby, replica, .. } = Pair::start(Duration::from_mins(1)).await;
    // It answers, and so it was not the primary.
    primary.kill().expect("it is killed");
    assert_eq!(count(&replica, "user_ada").await.expect("it reads"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_go_to_the_primary_when_the_standby_fails_and_back_when_it_is_well() {
    let Pair { standby, replica, primary: _primary, .. } = Pair::start(Duration::from_mins(1)).await;
    standby.kill().expect("it is killed");
    assert_eq!(count(&replica, "user_ada").await.expect("the primary answers"), 1);
    assert!(!replica.is_used());
    standby.start_again().expect("it starts");
    eventually("it is used again", async || replica.is_used()).await;

    standby.pause().expect("it hangs");
    assert_eq!(count(&replica, "user_ada").await.expect("the primary answers, in time"), 1);
    standby.resume().expect("it goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_go_to_the_primary_when_the_standby_is_too_far_behind() {
    let Pair { standby, replica, database, primary: _primary } = Pair::start(Duration::from_secs(1)).await;
    standby.execute("SELECT pg_wal_replay_pause()").expect("it stands still");
    store(&database, 2, "user_ada").await.expect("it writes");
    eventually("it is not trusted", async || !replica.is_used()).await;
    assert_eq!(count(&replica, "user_ada").await.expect("the primary answers"), 2);
    standby.execute("SELECT pg_wal_replay_resume()").expect("it goes on");
    eventually("it is used again", async || replica.is_used()).await;
    assert_eq!(count(&replica, "user_ada").await.expect("it reads"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_receives_nothing_any_more_is_not_taken_for_up_to_date() {
    let Pair { primary, standby: _standby, replica, database } = Pair::start(Duration::from_secs(1)).await;
    primary.refuse_standbys().expect("it does not come back");
    primary.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_replication").expect("it is cut off");
    store(&database, 2, "user_ada").await.expect("it writes");
    eventually("it is not trusted", async || !replica.is_used()).await;
    assert_eq!(count(&replica, "user_ada").await.expect("the primary answers"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_was_promoted_is_none_any_more() {
    let Pair { standby, replica, primary: _primary, .. } = Pair::start(Duration::from_mins(1)).await;
    standby.promote().expect("it is promoted");
    eventually("it is not used", async || !replica.is_used()).await;
}
