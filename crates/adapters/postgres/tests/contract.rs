//! The contract suites, on a real PostgreSQL.

#![cfg(test)]

use std::process::ExitCode;

use icp_ports::Migrator as _;
use icp_postgres::{PostgresDatabase, PostgresSettings};
use icp_test_postgres::{self as postgres, Proxy};
use icp_testkit::contract::{self, Faults, Subject};

/// Opens a database as a worker does.
fn open(url: &str) -> PostgresDatabase {
    let settings = PostgresSettings { max_connections: 4, ..PostgresSettings::new(url) };
    PostgresDatabase::new(&settings).expect("its URL is valid")
}

async fn migrated() -> Subject<PostgresDatabase> {
    let database = postgres::shared().database();
    let adapter = open(database.url());
    adapter.migrate().await.expect("must migrate");
    Subject::new(adapter).with_second_instance(open(database.url())).keeping(database)
}

/// A proxy between the adapter and the server.
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
        self.0.accept_connections().expect("must listen again");
    }

    fn lose_next_answer(&self) {
        // The result of a write, not of its preparation.
        self.0.lose_answer_with(b"SELECT 1\0");
    }
}

async fn breakable() -> (Subject<PostgresDatabase>, BreakableNetwork) {
    let database = postgres::shared().database();
    open(database.url()).migrate().await.expect("must migrate");
    let (address, name) = database.url().rsplit_once('/').expect("a database");
    let port = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
    let proxy = Proxy::start(port).expect("must start");
    (Subject::new(open(&proxy.url(name))).keeping(database), BreakableNetwork(proxy))
}

fn main() -> ExitCode {
    let mut trials = contract::repository("postgres", migrated);
    trials.extend(contract::history("postgres_history", migrated));
    trials.extend(contract::import_export("postgres", migrated));
    trials.extend(contract::migrator("postgres", async || {
        let database = postgres::shared().database();
        Subject::new(open(database.url())).keeping(database)
    }));
    trials.extend(contract::resilience("postgres", breakable));
    contract::run(trials)
}
