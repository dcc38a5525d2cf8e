//! Runs the commands of the README and of the pages in `docs`, in the order in which a reader finds them.

use std::path::{Path, PathBuf};

use icp_test_postgres as postgres;
use serde_json::Value;

use crate::support::Setup;
use crate::support::clerk::Clerk;
use crate::support::shell::{Outcome, Shell, all_blocks, assert_shows, blocks, commands};

const README: &str = include_str!("../../../../../README.md");
const API: &str = include_str!("../../../../../docs/reference/api.md");

const PUBLISHABLE_KEY: &str = "pk_test_Y2xlcmsuZXhhbXBsZS5pbnZhbGlkJA==";

/// Pages that a reader follows on SQLite without Clerk, and the commands that the test runs before the commands of the
/// page.
const PAGES_ON_SQLITE: [(&str, &[&str]); 8] = [
    ("how-to/share.md", &[]),
    ("how-to/duplicate.md", &[]),
    ("how-to/history.md", &[]),
    ("how-to/import-and-export.md", &["icp migrate"]),
    ("how-to/upgrade.md", &["icp migrate"]),
    ("reference/cli.md", &[]),
    ("reference/limits.md", &[]),
    ("explanation/performance.md", &[]),
];

/// Pages that have a separate test below or in `clients::guide`.
const PAGES_WITH_SEPARATE_TEST: [&str; 5] = [
    "reference/api.md",
    "tutorials/clerk.md",
    "how-to/sqlite-to-postgresql.md",
    "how-to/back-up.md",
    "how-to/clients.md",
];

fn docs_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

fn read_page(name: &str) -> String {
    std::fs::read_to_string(docs_folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Runs the commands of the blocks marked `sh`. A following block of text or JSON must show the output of the last
/// command.
async fn run_commands(shell: &mut Shell, page: &str) {
    let mut last_outcome = None;
    for block in all_blocks(page) {
        match block.language {
            "sh" => {
                for command in commands(block.code) {
                    let outcome = shell.run(&command).await;
                    if let Outcome::Response(response) = &outcome {
                        assert!(response.status.is_success(), "{command}: {response:?}");
                        if response.status == 201 {
                            // The reader copies the ID and the entity tag from the response.
                            shell.set("ID", response.json()["id"].as_str().expect("the ID must be a string"));
                            shell.set("ETAG", response.header("etag"));
                        }
                    }
                    last_outcome = Some(outcome);
                }
            }
            "text" | "json" if block.is_adjacent => {
                if let Some(outcome) = &last_outcome {
                    assert_shows(block.code, outcome);
                }
            }
            _ => last_outcome = None,
        }
    }
}

#[tokio::test]
async fn commands_of_pages_succeed_on_sqlite() {
    for (name, preparations) in PAGES_ON_SQLITE {
        let mut shell = Shell::new(Setup::new());
        for command in preparations {
            shell.run(command).await;
        }
        run_commands(&mut shell, &read_page(name)).await;
    }
}

#[test]
fn every_page_with_commands_is_tested() {
    let tested: Vec<_> =
        PAGES_ON_SQLITE.iter().map(|(name, _)| *name).chain(PAGES_WITH_SEPARATE_TEST).collect();
    let mut tested_count = 0;
    for folder in ["", "tutorials", "how-to", "reference", "explanation", "decisions"] {
        for entry in std::fs::read_dir(docs_folder().join(folder)).expect("the folder must be readable") {
            let name = entry
                .expect("the folder must be readable")
                .file_name()
                .into_string()
                .expect("the name must be UTF-8");
            let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            let is_page = Path::new(&name).extension().is_some_and(|end| end == "md");
            if is_page && all_blocks(&read_page(&name)).iter().any(|block| block.language == "sh") {
                assert!(
                    tested.contains(&name.as_str()),
                    "{name}: mark the blocks of the page `sh no-run`, or test the page"
                );
                tested_count += 1;
            }
        }
    }
    assert_eq!(tested_count, tested.len());
}

#[tokio::test]
async fn commands_of_clerk_tutorial_succeed() {
    let (instance, user) = (Clerk::new(), "user_2abc");
    let mut shell = Shell::new(instance.trusted_by(Setup::new()));
    shell.replace("pk_test_...", PUBLISHABLE_KEY);
    let text = read_page("tutorials/clerk.md");
    let (start, rest) = text.split_once("## 6.").expect("the tutorial must have a step 6");
    shell.set("TOKEN", &instance.session(user, serde_json::json!({})));
    run_commands(&mut shell, &start.replace("user_...", user)).await;
    run_commands(&mut shell, rest).await;
    let with_origin = serde_json::json!({"azp": "http://localhost:3000"});
    // The tutorial has set the authorized parties, so the service rejects a token without an origin.
    for (claims, status) in [(serde_json::json!({}), 401), (with_origin, 200)] {
        let request =
            "curl -s http://127.0.0.1:8080/api/v1/entities/icps -H \"Authorization: Bearer $TOKEN\"";
        shell.set("TOKEN", &instance.session(user, claims));
        assert_eq!(shell.run(request).await.response().status, status);
    }
}

#[tokio::test]
async fn guide_to_postgresql_keeps_every_icp() {
    let database = postgres::shared().database();
    let mut shell = Shell::new(Setup::new());
    shell.replace("postgres://icp:secret@localhost/icp", database.url());
    shell.run("icp serve").await;
    shell.stop();
    let exported = shell.run("icp export").await.text();
    run_commands(&mut shell, &read_page("how-to/sqlite-to-postgresql.md")).await;
    assert_eq!(shell.run("icp export").await.text(), exported);
}

#[tokio::test]
async fn commands_of_backup_guide_succeed() {
    let [database, restored] = [postgres::shared().database(), postgres::shared().database()];
    let mut shell = Shell::new(Setup::new());
    shell.replace("postgres://icp:secret@localhost/icp", database.url());
    shell.replace("postgres://icp:secret@localhost/restored", restored.url());
    run_commands(&mut shell, &read_page("how-to/back-up.md")).await;
}

#[tokio::test]
async fn commands_of_readme_succeed_in_order() {
    let [quick_start, postgres_database] = [postgres::shared().database(), postgres::shared().database()];
    let mut shell = Shell::new(Setup::new());
    shell.replace("postgres://icp:secret@localhost/icp", quick_start.url());
    shell.replace("postgres://icp:secret@db.example.com/icp?sslmode=verify-full", postgres_database.url());
    shell.replace("pk_live_...", PUBLISHABLE_KEY);
    let [greeting, samples] = blocks(README, "text")[..] else { panic!("the README must show two outputs") };
    let (mut starts, mut responses) = (0, Vec::new());
    for command in blocks(README, "sh").into_iter().flat_map(commands) {
        match shell.run(&command).await {
            Outcome::ServiceStarted => {
                starts += 1;
                // Only the third start of the README uses Clerk, and prints no user.
                let is_clerk = starts == 3;
                let service = shell.service.as_mut().expect("the service must have started");
                if !is_clerk {
                    // The service has already printed the first line.
                    let mut line = String::new();
                    for shown in greeting.lines().skip(1) {
                        line = service.printed_line("");
                        // The README shows the default port and shortened tokens.
                        let shown = shown.replace("http://127.0.0.1:8080", &service.address);
                        match shown.split_once("...") {
                            Some((start, _)) => {
                                assert!(line.starts_with(start), "{line} must start with {start}");
                            }
                            None => assert_eq!(line, shown),
                        }
                    }
                    // The reader runs the last line.
                    let outcome = shell.run(&line).await;
                    assert_shows(samples, &outcome);
                    assert_eq!(outcome.response().json().as_array().map(Vec::len), Some(2));
                }
            }
            Outcome::Response(response) => responses.push(response),
            Outcome::Printed(text) => assert!(text.starts_with("# sign-in: Clerk"), "icp config: {text}"),
            Outcome::NoOutput => {}
        }
    }
    assert_eq!(
        starts, 3,
        "the README must start the service for the quick start, with PostgreSQL and in production"
    );
    let [created, list] = &responses[..] else { panic!("{responses:?}") };
    assert_eq!((created.status.as_u16(), list.status.as_u16()), (201, 200));
    assert_eq!(list.json(), serde_json::json!([created.json()]));
}

#[tokio::test]
async fn example_of_readme_can_be_created() {
    let service = Setup::new().start();
    let example: Value = serde_json::from_str(blocks(README, "json")[0]).expect("the text must be JSON");
    let created = service.create(&service.token("user_ada"), &example).await.json();
    for (field, value) in example.as_object().expect("the value must be an object") {
        assert_eq!(&created[field], value, "{field}");
    }
}

#[test]
fn readme_lists_every_command() {
    let setup = Setup::new();
    let help = String::from_utf8(setup.icp(&["--help"]).stdout).expect("the bytes must be UTF-8");
    let entries =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A description may continue in the next line, which has a deeper indentation.
    let names = entries.filter_map(|line| line.strip_prefix("  ").filter(|entry| !entry.starts_with(' ')));
    let names: Vec<_> =
        names.filter_map(|entry| entry.split(' ').next()).filter(|name| *name != "help").collect();
    assert!(names.len() > 5, "{help}");
    for name in names {
        assert!(README.contains(&format!("| `icp {name}")), "{name}");
    }
}

/// Runs the commands twice. In the second round, the `Idempotency-Key` must be new. Otherwise, the create would return
/// the ICP of the first round, which was deleted.
#[tokio::test]
async fn commands_of_api_reference_can_be_repeated() {
    let mut shell = Shell::new(Setup::new());
    shell.run("icp serve").await;
    for round in 1..=2 {
        let mut statuses = Vec::new();
        let token_command = "TOKEN=$(icp token --user user_ada)";
        assert!(API.contains(token_command));
        for command in blocks(API, "sh").into_iter().flat_map(commands) {
            if let Outcome::Response(response) = shell.run(&command).await {
                statuses.push(response.status.as_u16());
                let json = serde_json::from_str::<Value>(&response.body).unwrap_or_default();
                if let Some(revision) = json[0]["revision"].as_str() {
                    shell.set("REVISION", revision);
                }
                if response.status == 201 {
                    shell.set("ID", response.json()["id"].as_str().expect("the ID must be a string"));
                    shell.set("ETAG", response.header("etag"));
                }
            }
        }
        assert_eq!(statuses, [201, 200, 200, 200, 200, 201, 200, 200, 204], "round {round}");
    }
}
