//! Readers type the commands of the README and of `docs/api.md`, from the first to the last.

use icp_test_postgres as postgres;
use serde_json::Value;

use crate::support::Setup;
use crate::support::shell::{Outcome, Shell, blocks, commands};

const README: &str = include_str!("../../../../../README.md");
const API: &str = include_str!("../../../../../docs/api.md");

const KEY: &str = "pk_test_Y2xlcmsuZXhhbXBsZS5pbnZhbGlkJA==";

#[tokio::test]
async fn commands_of_readme_work_in_their_order() {
    let [quick_start, postgres_database] = [postgres::shared().database(), postgres::shared().database()];
    let mut shell = Shell::new(Setup::new());
    shell.replace("postgres://icp:secret@localhost/icp", quick_start.url());
    shell.replace("postgres://icp:secret@db.example.com/icp?sslmode=verify-full", postgres_database.url());
    shell.replace("pk_live_...", KEY);
    let [greeting, samples] = blocks(README, "text")[..] else { panic!("two outputs") };
    let (mut starts, mut answers) = (0, Vec::new());
    for command in blocks(README, "sh").into_iter().flat_map(commands) {
        match shell.run(&command).await {
            Outcome::Started => {
                starts += 1;
                let is_clerk = starts == 3;
                let service = shell.service.as_mut().expect("it has started");
                if !is_clerk {
                    let mut shown = greeting.lines().skip(1);
                    assert_eq!(service.printed_line(""), shown.next().expect("the user"));
                    let line = service.printed_line("");
                    let (start, _) = shown.next().and_then(|line| line.split_once("...")).expect("the token");
                    assert!(line.starts_with(start), "{line}");
                    // The reader pastes the printed line.
                    let pasted = shell.run(&line).await.answer();
                    assert_eq!(pasted.json().as_array().map(Vec::len), Some(2));
                    let parts: Vec<_> =
                        samples.split(" ... ").map(|part| part.trim_end_matches(" ...")).collect();
                    assert!(
                        parts.iter().all(|part| pasted.body.contains(part)),
                        "{parts:?}: {}",
                        pasted.body
                    );
                }
            }
            Outcome::Answered(answer) => answers.push(answer),
            Outcome::Printed(text) => assert!(text.starts_with("# sign-in: Clerk"), "icp config: {text}"),
            Outcome::Nothing => {}
        }
    }
    assert_eq!(starts, 3, "quick start, PostgreSQL, production");
    let [created, list] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!((created.status.as_u16(), list.status.as_u16()), (201, 200));
    assert_eq!(list.json(), serde_json::json!([created.json()]));
}

#[tokio::test]
async fn example_of_readme_can_be_created() {
    let service = Setup::new().start();
    let example: Value = serde_json::from_str(blocks(README, "json")[0]).expect("it is JSON");
    let created = service.create(&service.token("user_ada"), &example).await.json();
    for (field, value) in example.as_object().expect("an object") {
        assert_eq!(&created[field], value, "{field}");
    }
}

#[test]
fn readme_lists_every_command() {
    let setup = Setup::new();
    let help = String::from_utf8(setup.icp(&["--help"]).stdout).expect("it is text");
    let entries =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A description may go on in the next line, which is indented further.
    let names = entries.filter_map(|line| line.strip_prefix("  ").filter(|entry| !entry.starts_with(' ')));
    let names: Vec<_> =
        names.filter_map(|entry| entry.split(' ').next()).filter(|name| *name != "help").collect();
    assert!(names.len() > 5, "{help}");
    for name in names {
        assert!(README.contains(&format!("| `icp {name}")), "{name}");
    }
}

/// Twice, as after a deletion: an `Idempotency-Key` is never used again.
#[tokio::test]
async fn commands_of_api_guide_work_in_their_order() {
    let mut shell = Shell::new(Setup::new());
    shell.run("icp serve").await;
    for round in 1..=2 {
        let mut statuses = Vec::new();
        let printed = "TOKEN=$(icp token --user user_ada)";
        assert!(API.contains(printed));
        for command in blocks(API, "sh").into_iter().flat_map(commands) {
            if let Outcome::Answered(answer) = shell.run(&command).await {
                statuses.push(answer.status.as_u16());
                let json = serde_json::from_str::<Value>(&answer.body).unwrap_or_default();
                if let Some(revision) = json[0]["revision"].as_str() {
                    shell.set("REVISION", revision);
                }
                if answer.status == 201 {
                    shell.set("ID", answer.json()["id"].as_str().expect("an ID"));
                    shell.set("ETAG", answer.header("etag"));
                }
            }
        }
        assert_eq!(statuses, [201, 200, 200, 200, 200, 201, 200, 200, 204], "round {round}");
    }
}
