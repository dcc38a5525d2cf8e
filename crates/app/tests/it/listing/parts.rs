//! Lists that are sent while they are read.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use flate2::read::GzDecoder;
use icp_test_postgres::Server;
use icp_testkit::fixtures::{IcpBuilder, icp, id};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::services::{on_both, on_postgres, with_shared_key};
use crate::support::{LIST, Response, Service, Setup};

/// ICPs of 2.3 kB, of which a part of 32 kB contains 14.
fn records(count: u128) -> impl Iterator<Item = IcpBuilder> {
    let text = "x".repeat(2_000);
    (1..=count)
        .map(move |number| icp(number).with("name", format!("ICP {number}")).with("description", &*text))
}

fn array(records: impl Iterator<Item = IcpBuilder>) -> String {
    let texts: Vec<String> = records.map(|icp| icp.document().into_json()).collect();
    format!("[{}]", texts.join(","))
}

fn in_parts(setup: Setup) -> Setup {
    setup.with("ICP__SERVER__RESPONSE_BUFFER_KILOBYTES", "32")
}

on_both!(list_in_parts_has_same_body_and_etag, with in_parts);
async fn list_in_parts_has_same_body_and_etag(service: &Service) {
    service.hold(records(200));
    let ada = service.user("user_ada");
    let list = ada.get(LIST).await.ok();
    assert!(list.body == array(records(200)), "{} bytes", list.body.len());
    assert_eq!((list.header("transfer-encoding"), list.next_page()), ("chunked", None));

    let tag = list.etag().to_owned();
    let head = Response::of(ada.request(Method::HEAD, LIST)).await.ok();
    assert_eq!((head.etag(), head.body.as_str()), (&*tag, ""));
    let again = Response::of(ada.get_request(LIST).header("if-none-match", &tag)).await;
    assert_eq!((again.status, again.etag()), (StatusCode::NOT_MODIFIED, &*tag));
    let coded = ada.get_request(LIST).header("accept-encoding", "gzip").send().await.expect("a response");
    assert_eq!(coded.headers()["content-encoding"], "gzip");
    let (coded, mut plain) = (coded.bytes().await.expect("must end"), String::new());
    GzDecoder::new(&*coded).read_to_string(&mut plain).expect("must be gzip");
    assert!(plain == list.body);

    // The last ICP is in the version of the list, too.
    ada.patch(&format!("{LIST}/{}", id(200)), json!({"name": "New"})).await.ok();
    let changed = Response::of(ada.get_request(LIST).header("if-none-match", &tag)).await.ok();
    assert_ne!(changed.etag(), tag);
    assert!(changed.body.contains(r#""name":"New""#));
}

on_both!(list_in_parts_is_complete_for_every_query, with in_parts);
async fn list_in_parts_is_complete_for_every_query(service: &Service) {
    service.hold(records(200));
    let ada = service.user("user_ada");
    let numbered = |query: &'static str| {
        let ada = &ada;
        async move {
            let list: Vec<Value> =
                serde_json::from_str(&ada.query_list(query).await.ok().body).expect("a list");
            let names = list.iter().map(|icp| icp["name"].as_str().expect("a name").to_owned());
            names.collect::<Vec<_>>()
        }
    };
    let names = |numbers: &mut dyn Iterator<Item = u32>| -> Vec<String> {
        numbers.map(|number| format!("ICP {number}")).collect()
    };
    assert_eq!(numbered("order=desc").await, names(&mut (1..=200).rev()));
    let mut by_name = names(&mut (1..=200));
    by_name.sort();
    assert_eq!(numbered("sort=name").await, by_name);
    assert_eq!(numbered("sort=updatedAt&active=true").await, names(&mut (1..=200)));
    assert_eq!(numbered("name=icp%201").await.len(), 111);
    assert_eq!(numbered("name=missing").await, Vec::<String>::new());
}

on_both!(too_long_page_ends_early_and_links_next, with in_parts);
async fn too_long_page_ends_early_and_links_next(service: &Service) {
    service.hold(records(200));
    let ada = service.user("user_ada");
    let mut page = ada.query_list("limit=150").await.ok();
    let (mut seen, mut pages) = (Vec::new(), 1);
    loop {
        let icps: Vec<Value> = serde_json::from_str(&page.body).expect("a list");
        assert!((1..=15).contains(&icps.len()), "{} ICPs", icps.len());
        seen.extend(icps);
        let Some(next) = page.next_page() else { break };
        page = ada.get(&next).await.ok();
        pages += 1;
    }
    assert!(Value::from(seen) == serde_json::from_str::<Value>(&array(records(200))).expect("a list"));
    assert!(pages >= 14, "{pages}");
}

/// A metric of the service.
async fn measured(service: &Service, name: &str) -> f64 {
    let metrics = service.get("/metrics", None).await.body;
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or_else(|| panic!("no {name} in\n{metrics}"))
}

const MEMORY: &str = "icp_process_resident_memory_bytes";
const IN_USE: &str = r#"icp_database_connections{state="in_use"}"#;

/// ICPs of 10 kB each, with this total size in bytes.
fn records_of(bytes: u128) -> impl Iterator<Item = IcpBuilder> {
    let text = "x".repeat(9_700);
    (1..=bytes / 10_000).map(move |number| icp(number).with("description", &*text))
}

on_both!(slow_client_holds_no_memory);
async fn slow_client_holds_no_memory(service: &Service) {
    const BYTES: u128 = 80_000_000;
    let ada = service.user("user_ada");
    service.hold(records_of(BYTES));
    ada.query_list("limit=1000").await.ok();
    let before = measured(service, MEMORY).await;
    let mut response = ada.get_request(LIST).send().await.expect("a response");
    let mut read = response.chunk().await.expect("must resume").expect("must begin").len();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let megabytes = (measured(service, MEMORY).await - before) / 1e6;
    eprintln!("{megabytes:.1} MB more for a list of {BYTES} bytes");
    assert!(megabytes < 40.0, "{megabytes} MB more for a list of {BYTES} bytes");

    // A slow reader does not delay others, and reads the current state.
    let last = format!("{LIST}/{}", id(BYTES / 10_000));
    ada.patch(&last, json!({"userIds": ["user_bob"]})).await.ok();
    assert_eq!(ada.get(&last).await.status, StatusCode::FORBIDDEN);
    let mut end = Vec::new();
    while let Some(piece) = response.chunk().await.expect("must resume") {
        read += piece.len();
        end.extend_from_slice(&piece);
        end.drain(..end.len().saturating_sub(100));
    }
    assert!(read > usize::try_from(BYTES).expect("must be in range") / 10 * 9, "{read} bytes");
    let end = String::from_utf8_lossy(&end).into_owned();
    assert!(end.ends_with("}]") && !end.contains("user_bob"), "{end}");
}

#[tokio::test]
async fn slow_client_holds_no_connection() {
    let service = on_postgres(Setup::new());
    service.hold(records_of(40_000_000));
    let mut response = service.user("user_ada").get_request(LIST).send().await.expect("a response");
    response.chunk().await.expect("must resume").expect("must begin");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(measured(&service, IN_USE).await < 1.0, "no statement waits for the reader");
}

#[tokio::test]
async fn list_breaks_off_when_database_fails() {
    let database = Server::start().expect("must start");
    let url = database.url("postgres");
    let service = with_shared_key(Setup::new().with("ICP__DATABASE__URL", &url)).start();
    service.hold(records_of(40_000_000));
    let ada = service.user("user_ada");
    let mut response = ada.get_request(LIST).send().await.expect("a response");
    assert_eq!(response.status(), StatusCode::OK);
    drop(database);
    let broke_off = loop {
        match response.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broke_off, "it seems whole");
    assert!(service.log().contains("a list was not sent completely"), "{}", service.log());
}

on_both!(abandoned_long_lists_release_resources);
async fn abandoned_long_lists_release_resources(service: &Service) {
    service.hold(records_of(40_000_000));
    let ada = service.user("user_ada");
    let before = measured(service, "icp_process_open_fds").await;
    for _ in 0..100 {
        let mut socket = service.connect();
        let head = format!("GET {LIST} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", ada.token);
        socket.write_all(head.as_bytes()).expect("must be sent");
        socket.read_exact(&mut [0; 1_000]).expect("must begin");
    }
    // Connections to the database open their own, and stay.
    let gone = async || measured(service, "icp_process_open_fds").await < before + 50.0;
    assert!(crate::support::eventually(Duration::from_secs(20), gone).await);
    ada.query_list("limit=10").await.ok();
}
