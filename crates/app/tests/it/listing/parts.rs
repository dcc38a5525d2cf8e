//! Long lists, which the service sends in parts while it reads them from the database.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use flate2::read::GzDecoder;
use icp_test_postgres::Server;
use icp_testkit::fixtures::{IcpBuilder, icp, id};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::services::{on_both_databases, start_on_postgres, with_shared_key};
use crate::support::{LIST, Response, Service, Setup};

/// Returns ICPs of 2.3 kB each. A part of 32 kB contains 14 of them.
fn records(count: u128) -> impl Iterator<Item = IcpBuilder> {
    let text = "x".repeat(2_000);
    (1..=count)
        .map(move |number| icp(number).with("name", format!("ICP {number}")).with("description", &*text))
}

fn json_array(records: impl Iterator<Item = IcpBuilder>) -> String {
    let texts: Vec<String> = records.map(|icp| icp.document().into_json()).collect();
    format!("[{}]", texts.join(","))
}

fn with_small_parts(setup: Setup) -> Setup {
    setup.with("ICP__SERVER__RESPONSE_BUFFER_KILOBYTES", "32")
}

on_both_databases!(list_in_parts_has_same_body_and_etag, with with_small_parts);
async fn list_in_parts_has_same_body_and_etag(service: &Service) {
    service.import_icps(records(200));
    let ada = service.user("user_ada");
    let list = ada.get(LIST).await.assert_ok();
    assert!(list.body == json_array(records(200)), "{} bytes", list.body.len());
    assert_eq!((list.header("transfer-encoding"), list.next_page()), ("chunked", None));

    let tag = list.etag().to_owned();
    let head = Response::fetch(ada.request(Method::HEAD, LIST)).await.assert_ok();
    assert_eq!((head.etag(), head.body.as_str()), (&*tag, ""));
    let unchanged = Response::fetch(ada.get_request(LIST).header("if-none-match", &tag)).await;
    assert_eq!((unchanged.status, unchanged.etag()), (StatusCode::NOT_MODIFIED, &*tag));
    let compressed = ada
        .get_request(LIST)
        .header("accept-encoding", "gzip")
        .send()
        .await
        .expect("the service must respond");
    assert_eq!(compressed.headers()["content-encoding"], "gzip");
    let (compressed, mut plain) =
        (compressed.bytes().await.expect("the body must be complete"), String::new());
    GzDecoder::new(&*compressed).read_to_string(&mut plain).expect("the body must be gzip");
    assert!(plain == list.body);

    // A change of the last ICP must change the tag, although the tag is sent before the last ICP is read.
    ada.patch(&format!("{LIST}/{}", id(200)), json!({"name": "New"})).await.assert_ok();
    let changed = Response::fetch(ada.get_request(LIST).header("if-none-match", &tag)).await.assert_ok();
    assert_ne!(changed.etag(), tag);
    assert!(changed.body.contains(r#""name":"New""#));
}

on_both_databases!(list_in_parts_is_complete_for_every_query, with with_small_parts);
async fn list_in_parts_is_complete_for_every_query(service: &Service) {
    service.import_icps(records(200));
    let ada = service.user("user_ada");
    let listed_names = |query: &'static str| {
        let ada = &ada;
        async move {
            let list: Vec<Value> = serde_json::from_str(&ada.query_list(query).await.assert_ok().body)
                .expect("the body must be a list");
            let names =
                list.iter().map(|icp| icp["name"].as_str().expect("the name must be a string").to_owned());
            names.collect::<Vec<_>>()
        }
    };
    let names = |numbers: &mut dyn Iterator<Item = u32>| -> Vec<String> {
        numbers.map(|number| format!("ICP {number}")).collect()
    };
    assert_eq!(listed_names("order=desc").await, names(&mut (1..=200).rev()));
    let mut by_name = names(&mut (1..=200));
    by_name.sort();
    assert_eq!(listed_names("sort=name").await, by_name);
    assert_eq!(listed_names("sort=updatedAt&active=true").await, names(&mut (1..=200)));
    assert_eq!(listed_names("name=icp%201").await.len(), 111);
    assert_eq!(listed_names("name=missing").await, Vec::<String>::new());
}

on_both_databases!(too_long_page_is_shortened_and_linked, with with_small_parts);
async fn too_long_page_is_shortened_and_linked(service: &Service) {
    service.import_icps(records(200));
    let ada = service.user("user_ada");
    let mut page = ada.query_list("limit=150").await.assert_ok();
    let (mut all_icps, mut page_count) = (Vec::new(), 1);
    loop {
        let icps: Vec<Value> = serde_json::from_str(&page.body).expect("the body must be a list");
        assert!((1..=15).contains(&icps.len()), "{} ICPs", icps.len());
        all_icps.extend(icps);
        let Some(next) = page.next_page() else { break };
        page = ada.get(&next).await.assert_ok();
        page_count += 1;
    }
    assert!(
        Value::from(all_icps)
            == serde_json::from_str::<Value>(&json_array(records(200))).expect("the body must be a list")
    );
    assert!(page_count >= 14, "{page_count}");
}

/// Returns the value of a metric of the service.
async fn metric_value(service: &Service, name: &str) -> f64 {
    let metrics = service.get("/metrics", None).await.body;
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or_else(|| panic!("the metric {name} is not in\n{metrics}"))
}

const MEMORY_METRIC: &str = "icp_process_resident_memory_bytes";
const CONNECTIONS_IN_USE_METRIC: &str = r#"icp_database_connections{state="in_use"}"#;

/// Returns ICPs of about 10 kB each. Together they have about `bytes` bytes.
fn records_of_size(bytes: u128) -> impl Iterator<Item = IcpBuilder> {
    let text = "x".repeat(9_700);
    (1..=bytes / 10_000).map(move |number| icp(number).with("description", &*text))
}

on_both_databases!(slow_client_does_not_increase_memory);
async fn slow_client_does_not_increase_memory(service: &Service) {
    const BYTES: u128 = 80_000_000;
    let ada = service.user("user_ada");
    service.import_icps(records_of_size(BYTES));
    ada.query_list("limit=1000").await.assert_ok();
    let before = metric_value(service, MEMORY_METRIC).await;
    let mut response = ada.get_request(LIST).send().await.expect("the service must respond");
    let mut read_bytes =
        response.chunk().await.expect("the body must continue").expect("the body must begin").len();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let megabytes = (metric_value(service, MEMORY_METRIC).await - before) / 1e6;
    eprintln!("{megabytes:.1} MB of additional memory for a list of {BYTES} bytes");
    assert!(megabytes < 40.0, "{megabytes} MB of additional memory for a list of {BYTES} bytes");

    // The slow read must not delay a write. This write removes the user from the last ICP, so the end of the list must
    // not contain the new state of this ICP.
    let last = format!("{LIST}/{}", id(BYTES / 10_000));
    ada.patch(&last, json!({"userIds": ["user_bob"]})).await.assert_ok();
    assert_eq!(ada.get(&last).await.status, StatusCode::FORBIDDEN);
    let mut end = Vec::new();
    while let Some(chunk) = response.chunk().await.expect("the body must continue") {
        read_bytes += chunk.len();
        end.extend_from_slice(&chunk);
        end.drain(..end.len().saturating_sub(100));
    }
    assert!(
        read_bytes > usize::try_from(BYTES).expect("the number must fit") / 10 * 9,
        "read {read_bytes} bytes"
    );
    let end = String::from_utf8_lossy(&end).into_owned();
    assert!(end.ends_with("}]") && !end.contains("user_bob"), "{end}");
}

#[tokio::test]
async fn slow_client_occupies_no_database_connection() {
    let service = start_on_postgres(Setup::new());
    service.import_icps(records_of_size(40_000_000));
    let mut response =
        service.user("user_ada").get_request(LIST).send().await.expect("the service must respond");
    response.chunk().await.expect("the body must continue").expect("the body must begin");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(
        metric_value(&service, CONNECTIONS_IN_USE_METRIC).await < 1.0,
        "database connections must not be in use while the client does not read"
    );
}

#[tokio::test]
async fn list_is_aborted_if_database_fails() {
    let database = Server::start().expect("the server must start");
    let url = database.url("postgres");
    let service = with_shared_key(Setup::new().with("ICP__DATABASE__URL", &url)).start();
    service.import_icps(records_of_size(40_000_000));
    let ada = service.user("user_ada");
    let mut response = ada.get_request(LIST).send().await.expect("the service must respond");
    assert_eq!(response.status(), StatusCode::OK);
    drop(database);
    let is_aborted = loop {
        match response.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(is_aborted, "the response must not look complete");
    assert!(service.log().contains("a list was not sent completely"), "{}", service.log());
}

on_both_databases!(abandoned_long_lists_release_resources);
async fn abandoned_long_lists_release_resources(service: &Service) {
    service.import_icps(records_of_size(40_000_000));
    let ada = service.user("user_ada");
    let before = metric_value(service, "icp_process_open_fds").await;
    for _ in 0..100 {
        let mut socket = service.connect();
        let head = format!("GET {LIST} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", ada.token);
        socket.write_all(head.as_bytes()).expect("the bytes must be sent");
        socket.read_exact(&mut [0; 1_000]).expect("the body must begin");
    }
    // The connections to the database also use file descriptors, and stay open.
    let are_closed = async || metric_value(service, "icp_process_open_fds").await < before + 50.0;
    assert!(crate::support::eventually(Duration::from_secs(20), are_closed).await);
    ada.query_list("limit=10").await.assert_ok();
}
