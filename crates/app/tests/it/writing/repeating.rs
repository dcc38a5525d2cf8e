//! Tests creates with an `Idempotency-Key`, which clients can safely repeat.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use icp_test_postgres as postgres;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::json;

use crate::support::services::{on_both_databases, with_shared_key};
use crate::support::users::{MINIMAL_BODY, User};
use crate::support::{LIST, Response, Service, Setup, eventually};

const IDEMPOTENCY_KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

async fn post_with_key(user: &User<'_>, key: &str, body: impl ToString) -> Response {
    Response::fetch(user.post_request(&body).header("idempotency-key", key)).await
}

#[track_caller]
fn assert_same_response(response: &Response, first: &Response) {
    assert_eq!((response.status, &response.body), (first.status, &first.body));
    for header in ["etag", "location", "content-type", "cache-control", "vary"] {
        assert!(!first.header(header).is_empty(), "{header}");
        assert_eq!(response.header(header), first.header(header), "{header}");
    }
}

on_both_databases!(repeated_conditional_create_returns_first_response);
/// The first request changes the list, so that the `If-Match` of the second request does not match.
async fn repeated_conditional_create_returns_first_response(service: &Service) {
    let ada = service.user("user_ada");
    let list = ada.get(LIST).await.etag().to_owned();
    let post = async |key: &str, body: &str| {
        let request = ada.post_request(body).header("idempotency-key", key).header("if-match", &*list);
        Response::fetch(request).await
    };
    let first = post(IDEMPOTENCY_KEY, MINIMAL_BODY).await;
    assert_eq!(first.status, 201, "{first:?}");
    let second = post(IDEMPOTENCY_KEY, MINIMAL_BODY).await;
    assert_same_response(&second, &first);
    assert_eq!(second.header("idempotency-replayed"), "true");
    post(IDEMPOTENCY_KEY, r#"{"name":"other","leadProviderCriteria":[]}"#)
        .await
        .assert_problem(422, "IDEMPOTENCY_KEY_REUSED");
    post("another-key", MINIMAL_BODY).await.assert_problem(412, "PRECONDITION_FAILED");
}

on_both_databases!(repeated_create_returns_first_response);
async fn repeated_create_returns_first_response(service: &Service) {
    let ada = service.user("user_ada");
    let first = post_with_key(&ada, IDEMPOTENCY_KEY, MINIMAL_BODY).await;
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(first.header("idempotency-replayed"), "");
    let second = post_with_key(&ada, IDEMPOTENCY_KEY, MINIMAL_BODY).await;
    assert_same_response(&second, &first);
    assert_eq!(second.header("idempotency-replayed"), "true");
    assert_eq!(ada.list().await, format!("[{}]", first.body));

    let patched = ada.patch(&first.icp_path(), r#"{"name":"new","userIds":["user_bob"]}"#).await.assert_ok();
    assert_same_response(&post_with_key(&ada, IDEMPOTENCY_KEY, MINIMAL_BODY).await, &first);
    assert_eq!(service.user("user_bob").list().await, format!("[{}]", patched.body));

    assert_eq!(service.user("user_bob").delete(&first.icp_path()).await.status, 204);
    assert_same_response(&post_with_key(&ada, IDEMPOTENCY_KEY, MINIMAL_BODY).await, &first);
    ada.get(&first.icp_path()).await.assert_problem(404, "NOT_FOUND");
    assert_eq!(ada.list().await, "[]");
}

on_both_databases!(concurrent_creates_with_one_key_store_one_icp);
async fn concurrent_creates_with_one_key_store_one_icp(service: &Service) {
    let ada = service.user("user_ada");
    for round in 0..3 {
        let key = format!("key-{round}");
        let responses = join_all((0..16).map(|_| post_with_key(&ada, &key, MINIMAL_BODY))).await;
        assert_eq!(responses[0].status, 201, "{:?}", responses[0]);
        for response in &responses {
            assert_same_response(response, &responses[0]);
        }
        assert_eq!(ada.list_names().await.len(), round + 1);
    }
}

on_both_databases!(reused_key_with_other_body_is_422);
async fn reused_key_with_other_body_is_422(service: &Service) {
    let ada = service.user("user_ada");
    let first = post_with_key(&ada, IDEMPOTENCY_KEY, MINIMAL_BODY).await;
    for body in [
        json!({"name": "other", "leadProviderCriteria": []}),
        json!({"name": "SMB", "leadProviderCriteria": [], "leadsPerList": 11}),
    ] {
        post_with_key(&ada, IDEMPOTENCY_KEY, body).await.assert_problem(422, "IDEMPOTENCY_KEY_REUSED");
    }
    assert_eq!(ada.list().await, format!("[{}]", first.body));
    assert_same_response(&post_with_key(&ada, IDEMPOTENCY_KEY, MINIMAL_BODY).await, &first);
}

on_both_databases!(one_of_sixteen_bodies_with_one_key_is_created);
async fn one_of_sixteen_bodies_with_one_key_is_created(service: &Service) {
    let ada = service.user("user_ada");
    let bodies = (0..16).map(|number| json!({"name": format!("{number}"), "leadProviderCriteria": []}));
    let responses = join_all(bodies.map(|body| post_with_key(&ada, IDEMPOTENCY_KEY, body))).await;
    let (created, rejected): (Vec<_>, Vec<_>) = responses.iter().partition(|response| response.status == 201);
    for response in rejected {
        response.assert_problem(422, "IDEMPOTENCY_KEY_REUSED");
    }
    assert_eq!(created.len(), 1);
    assert_eq!(ada.list().await, format!("[{}]", created[0].body));
}

on_both_databases!(keys_are_separate_per_user);
async fn keys_are_separate_per_user(service: &Service) {
    let [ada, bob] = ["user_ada", "user_bob"].map(|id| service.user(id));
    let keys = ["a", "A", "a.", "\"a b\"", r#""\"a\"""#, &"k".repeat(255)];
    for key in keys {
        for user in [&ada, &bob] {
            let response = post_with_key(user, key, MINIMAL_BODY).await;
            assert_eq!(response.status, 201, "{key}: {response:?}");
        }
    }
    for user in [&ada, &bob] {
        assert_eq!(user.list_names().await.len(), keys.len());
    }
    ada.create(MINIMAL_BODY).await;
    ada.create(MINIMAL_BODY).await;
    assert_eq!(ada.list_names().await.len(), keys.len() + 2, "each create without a key must create an ICP");
}

on_both_databases!(quoted_key_equals_bare_key);
async fn quoted_key_equals_bare_key(service: &Service) {
    let ada = service.user("user_ada");
    let first = post_with_key(&ada, IDEMPOTENCY_KEY, MINIMAL_BODY).await;
    assert_same_response(&post_with_key(&ada, &format!("\"{IDEMPOTENCY_KEY}\""), MINIMAL_BODY).await, &first);
    assert_eq!(ada.list_names().await.len(), 1);
}

on_both_databases!(key_of_rejected_body_can_be_used);
async fn key_of_rejected_body_can_be_used(service: &Service) {
    let ada = service.user("user_ada");
    for rejected in ["{", r#"{"name":""}"#, ""] {
        assert_eq!(post_with_key(&ada, IDEMPOTENCY_KEY, rejected).await.status, 400);
    }
    let without_content_type =
        ada.request(Method::POST, LIST).header("idempotency-key", IDEMPOTENCY_KEY).body("x");
    assert_eq!(Response::fetch(without_content_type).await.status, 415);
    let first = post_with_key(&ada, IDEMPOTENCY_KEY, MINIMAL_BODY).await;
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(post_with_key(&ada, IDEMPOTENCY_KEY, "{").await.status, 400);
    assert_same_response(&post_with_key(&ada, IDEMPOTENCY_KEY, MINIMAL_BODY).await, &first);
}

on_both_databases!(malformed_key_is_400_with_header_name);
async fn malformed_key_is_400_with_header_name(service: &Service) {
    let ada = service.user("user_ada");
    let long_key = "k".repeat(256);
    let malformed: [&[u8]; 9] =
        [b"", b"\"\"", b"\"", b"two words", b"\"a", b"a\"", b"\"a\"b\"", b"\xc3\xa9", long_key.as_bytes()];
    for value in malformed {
        let header = HeaderValue::from_bytes(value).expect("the header must be valid");
        let response =
            Response::fetch(ada.post_request(MINIMAL_BODY).header("idempotency-key", header)).await;
        response.assert_invalid_parameter("Idempotency-Key");
    }
    let twice = ada
        .post_request(MINIMAL_BODY)
        .header("idempotency-key", IDEMPOTENCY_KEY)
        .header("idempotency-key", IDEMPOTENCY_KEY);
    Response::fetch(twice).await.assert_invalid_parameter("Idempotency-Key");
    assert_eq!(ada.list().await, "[]");
}

on_both_databases!(create_with_lost_response_is_stored_once);
async fn create_with_lost_response_is_stored_once(service: &Service) {
    let ada = service.user("user_ada");
    for number in 0..20 {
        let body = json!({"name": format!("number {number}"), "leadProviderCriteria": []}).to_string();
        let key = format!("key-{number}");
        let request = format!(
            "POST {LIST} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\nidempotency-key: {key}\r\n\
             content-length: {}\r\n\r\n{body}",
            service.socket_address(),
            ada.token,
            body.len(),
        );
        let mut socket = service.connect();
        socket.write_all(request.as_bytes()).expect("the bytes must be sent");
        // The test closes every second connection only after the service has stored the ICP. It may close the other
        // connections earlier.
        if number % 2 == 0 {
            let is_listed = async || ada.list_names().await.len() == number + 1;
            assert!(
                eventually(Duration::from_secs(10), is_listed).await,
                "the service must create ICP {number}"
            );
        }
        drop(socket);
        let response = post_with_key(&ada, &key, &body).await;
        assert_eq!(response.status, 201, "{response:?}");
        assert_eq!(ada.get(&response.icp_path()).await.assert_ok().body, response.body);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let expected: BTreeSet<String> = (0..20).map(|number| format!("number {number}")).collect();
    let listed = ada.list_names().await;
    assert_eq!(listed.len(), expected.len(), "{listed:?}");
    assert_eq!(BTreeSet::from_iter(listed), expected);
}

#[tokio::test]
async fn long_wait_for_key_is_409() {
    let database = postgres::shared().database();
    let service = with_shared_key(Setup::new()).with("ICP__DATABASE__URL", database.url()).start();
    let ada = service.user("user_ada");
    let (mut client, connection) = tokio_postgres::connect(database.url(), tokio_postgres::NoTls)
        .await
        .expect("the client must connect");
    tokio::spawn(connection);
    let lock_statement = |key: &str| {
        format!("SELECT pg_advisory_xact_lock(hashtextextended('{key}', hashtextextended('user_ada', 0)))")
    };

    let transaction = client.transaction().await.expect("the transaction must begin");
    transaction.batch_execute(&lock_statement(IDEMPOTENCY_KEY)).await.expect("the lock must be acquired");
    let started = Instant::now();
    post_with_key(&ada, IDEMPOTENCY_KEY, MINIMAL_BODY).await.assert_problem(409, "CONFLICT");
    let wait = started.elapsed();
    assert!(
        (Duration::from_secs(1)..Duration::from_secs(5)).contains(&wait),
        "the service waited for {wait:?}"
    );
    assert_eq!(ada.list().await, "[]");
    assert_eq!(post_with_key(&ada, "other", MINIMAL_BODY).await.status, 201, "another key must be usable");
    assert_eq!(
        post_with_key(&service.user("user_bob"), IDEMPOTENCY_KEY, MINIMAL_BODY).await.status,
        201,
        "the same key of another user must be usable"
    );
    transaction.commit().await.expect("the transaction must commit");
    assert_eq!(post_with_key(&ada, IDEMPOTENCY_KEY, MINIMAL_BODY).await.status, 201);
    assert_eq!(ada.list_names().await.len(), 2);

    let transaction = client.transaction().await.expect("the transaction must begin");
    transaction.batch_execute(&lock_statement("third")).await.expect("the lock must be acquired");
    let started = Instant::now();
    let release = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        transaction.commit().await.expect("the transaction must commit");
    };
    let third = async { (post_with_key(&ada, "third", MINIMAL_BODY).await, started.elapsed()) };
    let ((third, wait), ()) = tokio::join!(third, release);
    assert_eq!(third.status, 201, "the create must succeed after the lock was released: {third:?}");
    assert!(wait >= Duration::from_millis(700), "the service must wait for the lock: {wait:?}");
    assert_eq!(ada.list_names().await.len(), 3);
}
