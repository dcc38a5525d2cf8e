//! Tests the commands `icp migrate`, `icp import` and `icp export`, and errors of `icp serve` at the start.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use icp_test_postgres as postgres;
use icp_testkit::fixtures::{EXAMPLE_LIST, icp};
use serde_json::json;

use crate::support::{Setup, eventually, run_failing, stderr, stdout};

fn run_export(setup: &Setup) -> String {
    let output = setup.icp(&["export"]);
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

/// Returns a setup without an SQLite file and a setup with an empty PostgreSQL database. The database of the second
/// setup exists until the returned value is dropped.
pub(super) fn setups_of_both_databases() -> [(Setup, Option<postgres::Database>); 2] {
    let database = postgres::shared().database();
    let on_postgres = Setup::new().with("ICP__DATABASE__URL", database.url());
    [(Setup::new(), None), (on_postgres, Some(database))]
}

#[test]
fn export_can_be_imported() {
    for (setup, _database) in setups_of_both_databases() {
        let imported = setup.icp_with_input(&["import"], EXAMPLE_LIST.as_bytes());
        assert!(stderr(&imported).contains("imported 2 ICPs"), "{}", stderr(&imported));
        let exported = run_export(&setup);
        let other = Setup::new();
        std::fs::write(other.path().join("icps.jsonl"), &exported).expect("the file must be written");
        assert!(other.icp(&["import", "icps.jsonl"]).status.success());
        assert_eq!(run_export(&other), exported);
    }
}

#[test]
fn import_reports_every_invalid_line_and_stores_nothing() {
    let valid = icp(1).json();
    let file = [
        valid.clone(),
        icp(2).with("name", "").with("leadsPerList", 0).json(),
        "{\"id\": ".to_owned(),
        String::new(),
        icp(3).with("customFilterCriteria", json!([{"type": "ofNextYear"}])).json(),
    ]
    .join("\n");
    for (setup, _database) in setups_of_both_databases() {
        let imported = setup.icp_with_input(&["import"], file.as_bytes());
        assert!(!imported.status.success());
        let message = stderr(&imported);
        for line in [
            "line 2 /name: must not be empty (invalid_value)",
            "line 2 /leadsPerList: must be from 1 to 10000, not 0 (out_of_range)",
            "line 3 column 7: invalid JSON (malformed)",
            "line 5 /customFilterCriteria/0/type: must be one of",
        ] {
            assert!(message.contains(line), "the message must contain {line}:\n{message}");
        }
        assert!(message.contains("nothing was imported, because of 4 errors"), "{message}");
        assert_eq!(run_export(&setup), "");
    }
}

#[test]
fn indented_object_is_one_error() {
    let object = serde_json::to_string_pretty(&json!({"icps": [{"name": "a"}]})).expect("JSON");
    let imported = Setup::new().icp_with_input(&["import"], object.as_bytes());
    let message = stderr(&imported);
    assert!(!imported.status.success() && message.contains("one ICP on each line"), "{message}");
    assert!(message.contains("because of 1 error:"), "{message}");
}

#[test]
fn lenient_import_accepts_icp_shape() {
    let future_icp =
        icp(1).with("customFilterCriteria", json!([{"type": "ofNextYear"}])).with("colour", "red").json();
    for (setup, _database) in setups_of_both_databases() {
        assert!(!setup.icp_with_input(&["import"], future_icp.as_bytes()).status.success());
        assert!(setup.icp_with_input(&["import", "--lenient"], future_icp.as_bytes()).status.success());
        let exported = run_export(&setup);
        assert!(exported.contains(r#"[{"type":"ofNextYear"}]"#) && exported.contains(r#""colour":"red""#));
        let icp_with_wrong_type = icp(2).with("userIds", json!([5])).json();
        let rejected = setup.icp_with_input(&["import", "--lenient"], icp_with_wrong_type.as_bytes());
        assert!(stderr(&rejected).contains("line 1 /userIds/0: must be a string"), "{}", stderr(&rejected));
        let icp_with_nul = icp(3).with("description", "a\0b").json();
        let rejected = setup.icp_with_input(&["import", "--lenient"], icp_with_nul.as_bytes());
        assert!(stderr(&rejected).contains("line 1 /description"), "{}", stderr(&rejected));
    }
}

#[test]
fn import_conflict_fails_skips_or_replaces() {
    for (setup, _database) in setups_of_both_databases() {
        let (old, new) = (icp(1).with("name", "old").json(), icp(1).with("name", "new").json());
        assert!(setup.icp_with_input(&["import"], old.as_bytes()).status.success());
        let failed = setup.icp_with_input(&["import"], new.as_bytes());
        assert!(
            stderr(&failed).contains("00000000-0000-0000-0000-000000000001 already exists"),
            "{failed:?}"
        );
        assert!(stderr(&failed).contains("--on-conflict replace"), "{failed:?}");
        assert!(setup.icp_with_input(&["import", "--on-conflict", "skip"], new.as_bytes()).status.success());
        assert!(run_export(&setup).contains(r#""name":"old""#));
        assert!(
            setup.icp_with_input(&["import", "--on-conflict", "replace"], new.as_bytes()).status.success()
        );
        assert!(run_export(&setup).contains(r#""name":"new""#));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_import_stores_nothing() {
    for (setup, _database) in setups_of_both_databases() {
        assert!(setup.icp_with_input(&["import"], EXAMPLE_LIST.as_bytes()).status.success());
        let before = run_export(&setup);
        let mut import = setup.spawn(&["import"]);
        let mut input = import.stdin.take().expect("the input must be piped");
        // The import buffers fewer lines than the test writes, so it has passed some of them to the storage before the
        // test kills it.
        for number in 1_000..31_000 {
            writeln!(input, "{}", icp(number).json()).expect("the line must be written");
        }
        input.flush().expect("the process must read its input");
        import.kill().expect("the process must exit");
        import.wait().expect("the process must have exited");
        // PostgreSQL needs some time to detect that the connection was closed.
        assert!(eventually(Duration::from_secs(10), async || run_export(&setup) == before).await);
        let second_import = setup.icp_with_input(&["import"], icp(1_000).json().as_bytes());
        assert!(second_import.status.success(), "the second import must succeed: {}", stderr(&second_import));
    }
}

#[test]
fn export_to_closed_pipe_succeeds() {
    let setup = Setup::new();
    let file: String = (1..2_000).map(|number| icp(number).json() + "\n").collect();
    assert!(setup.icp_with_input(&["import"], file.as_bytes()).status.success());
    let script = format!("{} export | head -c 1", env!("CARGO_BIN_EXE_icp"));
    let shell = std::process::Command::new("sh").args(["-c", &script]).current_dir(setup.path()).output();
    let shell = shell.expect("the shell must start");
    assert_eq!((stdout(&shell).as_str(), stderr(&shell).as_str()), ("{", ""));
}

#[test]
fn full_disk_is_reported_without_panic() {
    let setup = Setup::new();
    assert!(setup.icp_with_input(&["import"], EXAMPLE_LIST.as_bytes()).status.success());
    for command in ["config", "token --user user_ada", "migrate", "migrate --check", "export"] {
        let script = format!("{} {command} > /dev/full", env!("CARGO_BIN_EXE_icp"));
        let shell = std::process::Command::new("sh").args(["-c", &script]).current_dir(setup.path()).output();
        let shell = shell.expect("the shell must start");
        assert_eq!(shell.status.code(), Some(1), "{command}: {}", stderr(&shell));
        assert!(stderr(&shell).starts_with("error: "), "{command}: {}", stderr(&shell));
    }
}

#[test]
fn read_only_commands_create_no_database() {
    let setup = Setup::new();
    for command in [&["export"][..], &["migrate", "--check"]] {
        assert!(run_failing(&setup, command).contains("no database at data/icp.sqlite3"));
    }
    assert!(!setup.path().join("data").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn service_starts_during_import() {
    for (setup, _database) in setups_of_both_databases() {
        assert!(setup.icp_with_input(&["import"], EXAMPLE_LIST.as_bytes()).status.success());
        let mut import = setup.spawn(&["import"]);
        let mut input = import.stdin.take().expect("the input must be piped");
        for number in 1_000..10_000 {
            writeln!(input, "{}", icp(number).json()).expect("the line must be written");
        }
        input.flush().expect("the process must read its input");
        let service = setup.start();
        assert_eq!(service.list("user_abc123").await.json().as_array().map(Vec::len), Some(2));
        drop(input);
        assert!(import.wait().expect("the process must end").success());
        assert_eq!(service.list("user_ada").await.json().as_array().map(Vec::len), Some(9_000));
    }
}

#[test]
fn migrate_command_checks_and_applies_migrations() {
    for (setup, database) in setups_of_both_databases() {
        // On SQLite, the check fails because the file does not exist. On PostgreSQL, it names the pending migrations.
        if database.is_some() {
            assert!(run_failing(&setup, &["migrate", "--check"]).contains("_icps"));
            assert!(
                run_failing(&setup, &["migrate", "--check"]).contains("_icps"),
                "the check must not apply the migrations"
            );
        }
        assert!(stdout(&setup.icp(&["migrate"])).contains("applied"));
        assert!(stdout(&setup.icp(&["migrate"])).contains("up to date"));
        assert!(setup.icp(&["migrate", "--check"]).status.success());
    }
}

#[test]
fn start_without_migration_rejects_pending_migrations() {
    for (setup, _database) in setups_of_both_databases() {
        let setup = setup.with("ICP__DATABASE__MIGRATE", "false");
        assert!(run_failing(&setup, &["serve"]).contains("icp migrate"));
    }
}

#[test]
fn migrations_may_run_concurrently() {
    for (setup, _database) in setups_of_both_databases() {
        let mut children: Vec<_> = (0..8).map(|_| setup.spawn(&["migrate"])).collect();
        for child in &mut children {
            assert!(child.wait().expect("the process must end").success());
        }
        assert!(setup.icp(&["migrate", "--check"]).status.success());
    }
}

#[tokio::test]
async fn database_of_other_version_stays_unchanged() {
    // The first version is later than all known versions. The second one was used before the first release.
    for migration in ["20990101000000", "20261124000000"] {
        for (setup, database) in setups_of_both_databases() {
            assert!(setup.icp(&["migrate"]).status.success());
            let other = format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{migration}')");
            match &database {
                Some(database) => execute_on_postgres(database.url(), &other).await,
                None => execute_on_sqlite(&setup.path().join("data/icp.sqlite3"), &other),
            }
            for command in ["serve", "migrate"] {
                let message = run_failing(&setup, &[command]);
                assert!(message.contains("does not know") && message.contains(migration), "{message}");
            }
        }
    }
}

async fn execute_on_postgres(url: &str, statement: &str) {
    let (client, connection) =
        tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("the client must connect");
    tokio::spawn(connection);
    client.batch_execute(statement).await.expect("the statements must succeed");
}

fn execute_on_sqlite(file: &Path, statement: &str) {
    let mut connection = SqliteConnection::establish(file.to_str().expect("the path must be UTF-8"))
        .expect("the database must be opened");
    connection.batch_execute(statement).expect("the statements must succeed");
}

#[test]
fn file_that_is_no_database_stays_unchanged() {
    let setup = Setup::new().with("ICP__DATABASE__URL", "sqlite://notes.txt");
    let text = "Dear diary, ".repeat(1_000);
    std::fs::write(setup.path().join("notes.txt"), &text).expect("the file must be written");
    let message = run_failing(&setup, &["serve"]);
    assert!(message.contains("notes.txt") && message.contains("not a database"), "{message}");
    assert_eq!(std::fs::read_to_string(setup.path().join("notes.txt")).expect("the file must exist"), text);
}

#[test]
fn error_names_unwritable_database_path() {
    // Even root cannot write to `/proc`.
    let setup = Setup::new().with("ICP__DATABASE__URL", "sqlite:///proc/icp/icp.sqlite3");
    let message = run_failing(&setup, &["serve"]);
    assert!(message.contains("/proc/icp/icp.sqlite3"), "{message}");
}

#[test]
fn port_in_use_is_reported() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("the listener must bind the port");
    let port = listener.local_addr().expect("the listener must have an address").port().to_string();
    let message = run_failing(&Setup::new().with("ICP__SERVER__PORT", &port), &["serve"]);
    assert!(
        message.contains("ICP__SERVER__PORT") && message.contains(&port) && message.contains("in use"),
        "{message}"
    );
}

#[test]
fn unreachable_database_is_reported_at_start() {
    let setup = Setup::new().with("ICP__DATABASE__URL", "postgres://icp:hunter2@127.0.0.1:9/icp");
    let message = run_failing(&setup, &["serve"]);
    assert!(message.contains("cannot be reached") && !message.contains("hunter2"), "{message}");
}

#[test]
fn imported_texts_do_not_control_terminal() {
    let record = "{\"\u{9b}2J\u{202e}\\u001b[31m\\n\": 1}";
    let output = Setup::new().icp_with_input(&["import"], record.as_bytes());
    assert!(!output.status.success());
    let message = stderr(&output);
    assert!(message.contains(r"\u{9b}2J\u{202e}\u{1b}[31m"), "{message}");
    assert!(!message.contains(['\u{9b}', '\u{202e}', '\u{1b}']), "{message:?}");
}
