//! Runs the contract suites of the ports on a real PostgreSQL server.

#![cfg(test)]

use std::process::ExitCode;

use icp_ports::Migrator as _;
use icp_postgres::{PostgresDatabase, PostgresSettings};
use icp_test_postgres::{self as postgres, Proxy};
use icp_testkit::contract::{self, Faults, Subject};

/// Opens a database with several connections.
fn open(url: &str) -> PostgresDatabase {
    let settings = PostgresSettings { max_connections: 4, ..PostgresSettings::new(url) };
    PostgresDatabase::new(&settings).expect("the URL must be valid")
}

async fn migrated_subject() -> Subject<PostgresDatabase> {
    let database = postgres::shared().database();
    let adapter = open(database.url());
    adapter.migrate().await.expect("the migration must succeed");
    Subject::new(adapter).with_second_instance(open(database.url())).keeping(database)
}

/// A proxy between the adapter and the server, which injects network faults.
struct BreakableNetwork(Proxy);

impl Faults for BreakableNetwork {
    fn cut(&self) {
        self.0.cut();
    }

    fn freeze(&self) {
        self.0.freeze();
    }

    fn thaw(&self) {
        self.0.thaw();
    }

    fn stop(&self) {
        self.0.refuse_connections();
        self.0.cut();
    }

    fn start(&self) {
        self.0.accept_connections().expect("the proxy must listen again");
    }

    fn lose_next_response(&self) {
        // A write first prepares its statement. Only the result of its execution contains these bytes.
        self.0.lose_response_with(b"SELECT 1\0");
    }
}

async fn breakable_subject() -> (Subject<PostgresDatabase>, BreakableNetwork) {
    let database = postgres::shared().database();
    open(database.url()).migrate().await.expect("the migration must succeed");
    let (address, name) = database.url().rsplit_once('/').expect("the URL must contain a database");
    let port = address
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse().ok())
        .expect("the URL must contain a port");
    let proxy = Proxy::start(port).expect("the proxy must start");
    (Subject::new(open(&proxy.url(name))).keeping(database), BreakableNetwork(proxy))
}

fn main() -> ExitCode {
    let mut trials = contract::repository("postgres", migrated_subject);
    trials.extend(contract::history("postgres_history", migrated_subject));
    trials.extend(contract::import_export("postgres", migrated_subject));
    trials.extend(contract::migrator("postgres", async || {
        let database = postgres::shared().database();
        Subject::new(open(database.url())).keeping(database)
    }));
    trials.extend(contract::resilience("postgres", breakable_subject));
    contract::run(trials)
}
