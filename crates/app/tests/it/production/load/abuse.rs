//! Measures how the most expensive requests of one user affect another user.

use std::time::Duration;

use icp_test_postgres as postgres;
use reqwest::Method;
use serde_json::json;
use tokio::time::sleep;

use super::probe::{Probe, measure_idle};
use crate::bodies::worst;
use crate::production::very_long_list::store_icps;
use crate::support::{LIST, Service, Setup, client};

const CONNECTIONS: usize = 8;
/// The time for which the attacker repeats each request.
const DURATION: Duration = Duration::from_secs(1);
/// Maximum response time of another user, as a multiple of the response time of an idle service.
const MAX_SLOWDOWN: u32 = 10;
/// Additional tolerance for the response time on a busy machine.
const JITTER: Duration = Duration::from_millis(100);
/// The limit of the additional memory in bytes, compared with an idle service.
const MAX_ADDITIONAL_MEMORY: u64 = 200_000_000;

/// The description, the method, the path and the body of a request.
type Attack = (String, Method, &'static str, String);

/// Sends each request repeatedly over all connections. Checks the memory of the service and the response times of
/// another user.
async fn assert_others_are_not_delayed(service: &Service, attacks: Vec<Attack>) {
    let (attacker, other) = (service.token("user_eve"), service.token("user_other"));
    let mut failures = Vec::new();
    for _ in 0..20 {
        assert_eq!(service.get(LIST, Some(&other)).await.status, 200);
    }
    let idle = measure_idle(service, LIST, Some(&other));
    for (description, method, path, body) in attacks {
        let attackers: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let request = client()
                    .request(method.clone(), format!("{}{path}", service.address))
                    .bearer_auth(&attacker);
                let request = request
                    .header("content-type", "application/json")
                    .header("accept-encoding", "gzip")
                    .body(body.clone());
                tokio::spawn(async move {
                    while let Ok(response) =
                        request.try_clone().expect("the body must be cloneable").send().await
                    {
                        let _ = response.bytes().await;
                    }
                })
            })
            .collect();
        sleep(DURATION / 4).await;
        let probe = Probe::start(service, LIST, Some(&other));
        sleep(DURATION).await;
        attackers.iter().for_each(tokio::task::JoinHandle::abort);
        let measured = tokio::task::spawn_blocking(|| probe.stop()).await.expect("the task must not panic");
        let memory = measured.memory.saturating_sub(idle.memory);
        let line = format!("{description}: p99 {:?}, idle {:?}, {memory} bytes", measured.p99(), idle.p99());
        println!("{line}");
        if measured.p99() > idle.p99() * MAX_SLOWDOWN + JITTER
            || memory > MAX_ADDITIONAL_MEMORY
            || !measured.failures.is_empty()
        {
            failures.push(format!("{line} {:?}", measured.failures));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn icp_with_regexes(count: usize) -> String {
    let regex = format!("(?i:{})", r"[\W]".repeat(248));
    let filter = json!({"type": "matchFieldWithRegex", "field": "firstName", "regex": regex});
    json!({"name": "x", "leadProviderCriteria": [], "customFilterCriteria": vec![filter; count]}).to_string()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a quarter of a minute: cargo xtask test --all"]
async fn expensive_bodies_do_not_delay_others() {
    let service = Setup::new().with("ICP__LOG__LEVEL", "warn").start();
    let mut attacks: Vec<Attack> = [30, 100]
        .map(|count| (format!("{count} regular expressions"), Method::POST, LIST, icp_with_regexes(count)))
        .into();
    let is_worst = |(description, _): &worst::LabelledBody| {
        ["unknown names", "empty conditions", "a million commas"].contains(description)
    };
    attacks.extend(
        worst::invalid_bodies()
            .into_iter()
            .filter(is_worst)
            .map(|(description, body)| (description.to_owned(), Method::POST, LIST, body)),
    );
    assert_others_are_not_delayed(&service, attacks).await;
}

fn tool_call(tool: &str, arguments: &str, meta: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments},"_meta":{meta}}}}}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a quarter of a minute: cargo xtask test --all"]
async fn expensive_messages_do_not_delay_others() {
    let service = Setup::new().with("ICP__LOG__LEVEL", "warn").with("ICP__MCP__ENABLED", "true").start();
    let long_array = format!("[{}0]", r#"{"":0},"#.repeat(140_000));
    let fields: Vec<_> = (0..100_000).map(|number| format!(r#""a{number}":0"#)).collect();
    let attacks = [
        (
            "a long array in an ICP".to_owned(),
            "/mcp",
            tool_call("validate_icp", &format!(r#"{{"icp":{long_array}}}"#), "{}"),
        ),
        (
            "a long array outside the arguments".to_owned(),
            "/mcp",
            tool_call("list_icps", "{}", &format!(r#"{{"a":{long_array}}}"#)),
        ),
        ("only a long array".to_owned(), "/mcp", long_array.clone()),
        (
            "unknown arguments".to_owned(),
            "/mcp",
            tool_call("list_icps", &format!("{{{}}}", fields.join(",")), "{}"),
        ),
        ("an array of 8 kB".to_owned(), "/mcp", format!("[{}0]", r#"{"":0},"#.repeat(1_100))),
    ];
    let attacks = attacks.map(|(description, path, body)| (description, Method::POST, path, body));
    assert_others_are_not_delayed(&service, attacks.into()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a quarter of a minute: cargo xtask test --all"]
async fn expensive_lists_do_not_delay_others() {
    let database = postgres::shared().database();
    let setup = Setup::new().with("ICP__DATABASE__URL", database.url()).with("ICP__LOG__LEVEL", "warn");
    assert!(setup.icp(&["migrate"]).status.success());
    store_icps(database.url(), 400, 1_000_000).await;
    store_icps(database.url(), 10_000, 100).await;
    let service = setup.with("ICP__MCP__ENABLED", "true").start();
    let attacks = [
        "",
        "?limit=1000",
        "?limit=1000&sort=name&order=desc",
        "?limit=1&sort=activeUntil",
        "?name=y",
        "?name=y&provider=z&sort=updatedAt&updatedSince=2000-01-01T00:00:00Z",
    ];
    let paths = attacks.map(|query| &*Box::leak(format!("{LIST}{query}").into_boxed_str()));
    let mut attacks: Vec<Attack> =
        paths.map(|path| (path.to_owned(), Method::GET, path, String::new())).into();
    let message = tool_call("list_icps", r#"{"limit":1000}"#, "{}");
    attacks.push(("list_icps with a limit of 1000".to_owned(), Method::POST, "/mcp", message));
    assert_others_are_not_delayed(&service, attacks).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes seconds: cargo xtask test --all"]
async fn expensive_lists_on_sqlite_do_not_delay_others() {
    let setup = Setup::new().with("ICP__LOG__LEVEL", "warn");
    let filters = json!({"text": "x".repeat(900_000)});
    let icp = |number: usize| {
        json!({
            "id": format!("00000000-0000-4000-8000-{number:012}"), "name": "x", "userIds": ["user_eve"],
            "createdAt": "2024-01-15T10:30:00.000Z", "updatedAt": "2024-01-15T10:30:00.000Z",
            "leadProviderCriteria": [{"provider": "baseProvider", "filters": filters}],
        })
    };
    let icps: String = (0..100).map(|number| icp(number).to_string() + "\n").collect();
    assert!(setup.icp_with_input(&["import"], icps.as_bytes()).status.success());
    let attacks = [("a list of 90 MB", LIST), ("a page of 4 MiB", "/api/v1/entities/icps?limit=1000")];
    let attacks =
        attacks.map(|(description, path)| (description.to_owned(), Method::GET, path, String::new()));
    assert_others_are_not_delayed(&setup.start(), attacks.into()).await;
}
