//! Checks the metrics that the service returns.

use std::collections::BTreeSet;
use std::time::Duration;

use icp_test_postgres as postgres;

use crate::support::{LIST, Response, Service, Setup, client, eventually, run_failing};

async fn fetch_metrics(service: &Service) -> String {
    let request = client().get(format!("{}/metrics", service.address));
    let response =
        Response::fetch(request.header("accept", "application/openmetrics-text;version=1.0.0, text/plain"))
            .await;
    assert_eq!(response.status, 200);
    assert!(response.header("content-type").starts_with("application/openmetrics-text"), "{response:?}");
    response.body
}

fn assert_has_line(metrics: &str, start: &str) {
    assert!(
        metrics.lines().any(|line| line.starts_with(start)),
        "a line must start with {start}:\n{metrics}"
    );
}

#[tokio::test]
async fn requests_and_operations_are_counted() {
    let database = postgres::shared().database();
    let service = Setup::new().with("ICP__DATABASE__URL", database.url()).start();
    service.list("user_ada").await;
    service.get(LIST, Some("e30.e30.e30")).await;
    service
        .get("/api/v1/entities/icps/00000000-0000-4000-8000-000000000000", Some(&service.token("user_ada")))
        .await;
    service.get("/no/such/address", None).await;
    let metrics = fetch_metrics(&service).await;
    for line in [
        r#"icp_http_request_duration_seconds_count{method="GET",route="/api/v1/entities/icps",status="200"} 1"#,
        r#"icp_http_request_duration_seconds_count{method="GET",route="/api/v1/entities/icps/{id}",status="404"} 1"#,
        r#"icp_http_request_duration_seconds_count{method="GET",route="/api/v1/entities/icps",status="401"} 1"#,
        r#"icp_http_request_duration_seconds_count{method="GET",route="(none)",status="404"} 1"#,
        r#"icp_sign_ins_total{verdict="accepted"} 2"#,
        r#"icp_sign_ins_total{verdict="wrong_algorithm"} 1"#,
        r#"icp_database_operation_duration_seconds_count{operation="list",outcome="ok"} 1"#,
        r#"icp_database_operation_duration_seconds_count{operation="get",outcome="ok"} 1"#,
        r#"icp_database_connections{state="open"} "#,
        r#"icp_database_connections{state="max"} 8"#,
        r#"icp_build_info{version=""#,
        "icp_process_resident_memory_bytes ",
        "icp_process_open_fds ",
        "icp_http_requests_in_flight 0",
    ] {
        assert_has_line(&metrics, line);
    }
    // A connection may be in use for a moment, for example by the housekeeping that runs at the start.
    let is_idle =
        async || fetch_metrics(&service).await.contains(r#"icp_database_connections{state="in_use"} 0"#);
    assert!(eventually(Duration::from_secs(10), is_idle).await, "all connections must be released");
}

#[tokio::test]
async fn metrics_and_health_can_have_separate_port() {
    let service = Setup::new().with("ICP__METRICS__PORT", "0").start();
    service.get("/metrics", None).await.assert_problem(404, "NOT_FOUND");
    let log = service.log();
    let address = log.split("health and metrics on ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let address = address.unwrap_or_else(|| panic!("the log must contain the address of the metrics: {log}"));
    let client = client();
    for (path, status) in [("/metrics", 200), ("/health/live", 200), ("/health/ready", 200), (LIST, 404)] {
        let response =
            client.get(format!("http://{address}{path}")).send().await.expect("the service must respond");
        assert_eq!(response.status(), status, "{path}");
    }
}

#[tokio::test]
async fn metrics_are_off_by_default() {
    let service = Setup::new().without("ICP__METRICS__ENABLED").start();
    service.get("/metrics", None).await.assert_problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn accept_header_selects_metrics_format() {
    let service = Setup::new().start();
    service.get(LIST, None).await;
    for accept in ["*/*", "text/plain", "text/html, */*;q=0.1"] {
        let request = client().get(format!("{}/metrics", service.address)).header("accept", accept);
        let response = Response::fetch(request).await;
        assert_eq!(response.header("content-type"), "text/plain; version=0.0.4; charset=utf-8", "{accept}");
        assert_has_line(&response.body, "# TYPE icp_http_requests_refused_total counter");
        assert_has_line(&response.body, "# TYPE icp_build_info gauge");
        assert!(!response.body.contains("# EOF"), "{accept}");
    }
    assert!(fetch_metrics(&service).await.ends_with("# EOF\n"));
}

#[tokio::test]
async fn metrics_port_in_use_is_reported() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("the listener must bind the port");
    let port = listener.local_addr().expect("the listener must have an address").port().to_string();
    let message = run_failing(&Setup::new().with("ICP__METRICS__PORT", &port), &["serve"]);
    assert!(message.contains("ICP__METRICS__PORT") && message.contains("in use"), "{message}");
}

/// A dashboard would show no data for a missing metric, and an alert on this metric would not fire.
#[tokio::test]
async fn dashboards_and_alerts_name_existing_metrics() {
    let database = postgres::shared().database();
    let unreachable_jwks_url = "http://127.0.0.1:9/jwks";
    let service = Setup::new()
        .with("ICP__DATABASE__URL", database.url())
        .with("ICP__AUTH__ISSUER", "https://clerk.example.com")
        .with("ICP__AUTH__JWKS_URL", unreachable_jwks_url)
        .start();
    service.get(LIST, None).await;
    // The first operation on the database is periodic work of the service.
    let has_database_metrics =
        async || fetch_metrics(&service).await.contains("icp_database_operation_duration_seconds");
    assert!(eventually(Duration::from_secs(5), has_database_metrics).await);
    let existing = fetch_metrics(&service).await;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    let mut name_count = 0;
    for file in ["grafana-dashboard.json", "prometheus-alerts.yml"] {
        let text = std::fs::read_to_string(folder.join(file)).expect("the file must exist");
        let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        for name in words.filter(|word| word.starts_with("icp_")) {
            let family = ["_bucket", "_count", "_sum", "_total", "_info"]
                .iter()
                .find_map(|end| name.strip_suffix(end));
            let family = family.unwrap_or(name);
            // The service reports these metrics only after the first key fetch, with a replica, and after the first
            // operation.
            let conditional =
                ["icp_key_set_age_seconds", "icp_replica_used", "icp_database_operation_duration_seconds"];
            let exists = existing.contains(&format!("# TYPE {family} ")) || conditional.contains(&family);
            assert!(exists, "{file} must name only existing metrics, not {name}:\n{existing}");
            name_count += 1;
        }
    }
    assert!(name_count > 20, "the files must name more than 20 metrics, not {name_count}");
}

#[tokio::test]
async fn reference_and_service_have_same_metrics() {
    let page = include_str!("../../../../../docs/reference/metrics.md");
    let (table, _) = page.split_once("## Sign-in verdicts").expect("the page must have this section");
    let documented: BTreeSet<_> = table
        .lines()
        .filter(|line| line.starts_with("| `icp_"))
        .filter_map(|row| {
            let mut columns = row.split(" | ");
            let name = columns.next()?.trim_matches(['|', ' ', '`']);
            let metric_type = columns.next()?;
            let name = name.trim_end_matches("_total").trim_end_matches("_info");
            Some(format!("{name} {metric_type}"))
        })
        .collect();
    let database = postgres::shared().database();
    let service = Setup::new()
        .with("ICP__DATABASE__URL", database.url())
        .with("ICP__AUTH__ISSUER", "https://clerk.example.com")
        .with("ICP__AUTH__JWKS_URL", "http://127.0.0.1:9/jwks")
        .start();
    service.get(LIST, None).await;
    let mut returned: BTreeSet<_> = fetch_metrics(&service)
        .await
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(str::to_owned)
        .collect();
    // The service reports these metrics only after the first operation, with a replica, and after the first key fetch.
    let conditional = [
        "icp_database_operation_duration_seconds histogram",
        "icp_replica_used gauge",
        "icp_key_set_age_seconds gauge",
    ];
    returned.extend(conditional.map(str::to_owned));
    assert_eq!(documented, returned);
}
