//! `Idempotency-Key`: creates that are safe to repeat.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use icp_test_postgres as postgres;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::json;

use crate::support::services::{on_both, with_shared_key};
use crate::support::users::{SMB, User};
use crate::support::{LIST, Response, Service, Setup, eventually};

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

async fn post_once(user: &User<'_>, key: &str, body: impl ToString) -> Response {
    Response::of(user.post_request(&body).header("idempotency-key", key)).await
}

#[track_caller]
fn assert_same(response: &Response, first: &Response) {
    assert_eq!((response.status, &response.body), (first.status, &first.body));
    for header in ["etag", "location", "content-type", "cache-control", "vary"] {
        assert!(!first.header(header).is_empty(), "{header}");
        assert_eq!(response.header(header), first.header(header), "{header}");
    }
}

on_both!(repeated_conditional_create_returns_first_response);
/// The first request changes the list, so that its `If-Match` no longer matches.
async fn repeated_conditional_create_returns_first_response(service: &Service) {
    let ada = service.user("user_ada");
    let list = ada.get(LIST).await.etag().to_owned();
    let post = async |key: &str, body: &str| {
        let request = ada.post_request(body).header("idempotency-key", key).header("if-match", &*list);
        Response::of(request).await
    };
    let first = post(KEY, SMB).await;
    assert_eq!(first.status, 201, "{first:?}");
    let second = post(KEY, SMB).await;
    assert_same(&second, &first);
    assert_eq!(second.header("idempotency-replayed"), "true");
    post(KEY, r#"{"name":"other","leadProviderCriteria":[]}"#)
        .await
        .assert_problem(422, "IDEMPOTENCY_KEY_REUSED");
    post("another-key", SMB).await.assert_problem(412, "PRECONDITION_FAILED");
}

on_both!(repeated_create_returns_first_response);
async fn repeated_create_returns_first_response(service: &Service) {
    let ada = service.user("user_ada");
    let first = post_once(&ada, KEY, SMB).await;
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(first.header("idempotency-replayed"), "");
    let second = post_once(&ada, KEY, SMB).await;
    assert_same(&second, &first);
    assert_eq!(second.header("idempotency-replayed"), "true");
    assert_eq!(ada.list().await, format!("[{}]", first.body));

    let patched = ada.patch(&first.icp_path(), r#"{"name":"new","userIds":["user_bob"]}"#).await.ok();
    assert_same(&post_once(&ada, KEY, SMB).await, &first);
    assert_eq!(service.user("user_bob").list().await, format!("[{}]", patched.body));

    assert_eq!(service.user("user_bob").delete(&first.icp_path()).await.status, 204);
    assert_same(&post_once(&ada, KEY, SMB).await, &first);
    ada.get(&first.icp_path()).await.assert_problem(404, "NOT_FOUND");
    assert_eq!(ada.list().await, "[]");
}

on_both!(sixteen_concurrent_creates_with_one_key_create_once);
async fn sixteen_concurrent_creates_with_one_key_create_once(service: &Service) {
    let ada = service.user("user_ada");
    for round in 0..3 {
        let key = format!("key-{round}");
        let responses = join_all((0..16).map(|_| post_once(&ada, &key, SMB))).await;
        assert_eq!(responses[0].status, 201, "{:?}", responses[0]);
        for response in &responses {
            assert_same(response, &responses[0]);
        }
        assert_eq!(ada.listed().await.len(), round + 1);
    }
}

on_both!(reused_key_with_other_body_is_422);
async fn reused_key_with_other_body_is_422(service: &Service) {
    let ada = service.user("user_ada");
    let first = post_once(&ada, KEY, SMB).await;
    for body in [
        json!({"name": "other", "leadProviderCriteria": []}),
        json!({"name": "SMB", "leadProviderCriteria": [], "leadsPerList": 11}),
    ] {
        post_once(&ada, KEY, body).await.assert_problem(422, "IDEMPOTENCY_KEY_REUSED");
    }
    assert_eq!(ada.list().await, format!("[{}]", first.body));
    assert_same(&post_once(&ada, KEY, SMB).await, &first);
}

on_both!(one_of_sixteen_concurrent_bodies_is_created);
async fn one_of_sixteen_concurrent_bodies_is_created(service: &Service) {
    let ada = service.user("user_ada");
    let bodies = (0..16).map(|number| json!({"name": format!("{number}"), "leadProviderCriteria": []}));
    let responses = join_all(bodies.map(|body| post_once(&ada, KEY, body))).await;
    let (created, refused): (Vec<_>, Vec<_>) = responses.iter().partition(|response| response.status == 201);
    for response in refused {
        response.assert_problem(422, "IDEMPOTENCY_KEY_REUSED");
    }
    assert_eq!(created.len(), 1);
    assert_eq!(ada.list().await, format!("[{}]", created[0].body));
}

on_both!(keys_are_separate_per_user);
async fn keys_are_separate_per_user(service: &Service) {
    let [ada, bob] = ["user_ada", "user_bob"].map(|id| service.user(id));
    let keys = ["a", "A", "a.", "\"a b\"", r#""\"a\"""#, &"k".repeat(255)];
    for key in keys {
        for user in [&ada, &bob] {
            let response = post_once(user, key, SMB).await;
            assert_eq!(response.status, 201, "{key}: {response:?}");
        }
    }
    for user in [&ada, &bob] {
        assert_eq!(user.listed().await.len(), keys.len());
    }
    ada.create(SMB).await;
    ada.create(SMB).await;
    assert_eq!(ada.listed().await.len(), keys.len() + 2, "each create without a key is a new ICP");
}

on_both!(quoted_key_equals_bare_key);
async fn quoted_key_equals_bare_key(service: &Service) {
    let ada = service.user("user_ada");
    let first = post_once(&ada, KEY, SMB).await;
    assert_same(&post_once(&ada, &format!("\"{KEY}\""), SMB).await, &first);
    assert_eq!(ada.listed().await.len(), 1);
}

on_both!(refused_body_does_not_use_key);
async fn refused_body_does_not_use_key(service: &Service) {
    let ada = service.user("user_ada");
    for refused in ["{", r#"{"name":""}"#, ""] {
        assert_eq!(post_once(&ada, KEY, refused).await.status, 400);
    }
    let untyped = ada.request(Method::POST, LIST).header("idempotency-key", KEY).body("x");
    assert_eq!(Response::of(untyped).await.status, 415);
    let first = post_once(&ada, KEY, SMB).await;
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(post_once(&ada, KEY, "{").await.status, 400);
    assert_same(&post_once(&ada, KEY, SMB).await, &first);
}

on_both!(malformed_key_is_400_with_header_name);
async fn malformed_key_is_400_with_header_name(service: &Service) {
    let ada = service.user("user_ada");
    let long = "k".repeat(256);
    let malformed: [&[u8]; 9] =
        [b"", b"\"\"", b"\"", b"two words", b"\"a", b"a\"", b"\"a\"b\"", b"\xc3\xa9", long.as_bytes()];
    for value in malformed {
        let header = HeaderValue::from_bytes(value).expect("the header must be valid");
        let response = Response::of(ada.post_request(SMB).header("idempotency-key", header)).await;
        response.assert_parameter_fault("Idempotency-Key");
    }
    let twice = ada.post_request(SMB).header("idempotency-key", KEY).header("idempotency-key", KEY);
    Response::of(twice).await.assert_parameter_fault("Idempotency-Key");
    assert_eq!(ada.list().await, "[]");
}

on_both!(create_with_lost_response_is_stored_once);
async fn create_with_lost_response_is_stored_once(service: &Service) {
    let ada = service.user("user_ada");
    for number in 0..20 {
        let body = json!({"name": format!("number {number}"), "leadProviderCriteria": []}).to_string();
        let key = format!("key-{number}");
        let request = format!(
            "POST {LIST} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\nidempotency-key: {key}\r\n\
             content-length: {}\r\n\r\n{body}",
            service.socket(),
            ada.token,
            body.len(),
        );
        let mut socket = service.connect();
        socket.write_all(request.as_bytes()).expect("the bytes must be sent");
        // Every second connection closes after the create. The others may close before it.
        if number % 2 == 0 {
            let is_there = async || ada.listed().await.len() == number + 1;
            assert!(eventually(Duration::from_secs(10), is_there).await, "{number} is created");
        }
        drop(socket);
        let response = post_once(&ada, &key, &body).await;
        assert_eq!(response.status, 201, "{response:?}");
        assert_eq!(ada.get(&response.icp_path()).await.ok().body, response.body);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let once: BTreeSet<String> = (0..20).map(|number| format!("number {number}")).collect();
    let listed = ada.listed().await;
    assert_eq!(listed.len(), once.len(), "{listed:?}");
    assert_eq!(BTreeSet::from_iter(listed), once);
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
    let lock_of = |key: &str| {
        format!("SELECT pg_advisory_xact_lock(hashtextextended('{key}', hashtextextended('user_ada', 0)))")
    };

    let transaction = client.transaction().await.expect("the transaction must begin");
    transaction.batch_execute(&lock_of(KEY)).await.expect("the lock must be acquired");
    let started = Instant::now();
    post_once(&ada, KEY, SMB).await.assert_problem(409, "CONFLICT");
    let waited = started.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(5)).contains(&waited), "it waited for {waited:?}");
    assert_eq!(ada.list().await, "[]");
    assert_eq!(post_once(&ada, "other", SMB).await.status, 201, "other keys are free");
    assert_eq!(
        post_once(&service.user("user_bob"), KEY, SMB).await.status,
        201,
        "other users have their own keys"
    );
    transaction.commit().await.expect("the transaction must commit");
    assert_eq!(post_once(&ada, KEY, SMB).await.status, 201);
    assert_eq!(ada.listed().await.len(), 2);

    let transaction = client.transaction().await.expect("the transaction must begin");
    transaction.batch_execute(&lock_of("third")).await.expect("the lock must be acquired");
    let started = Instant::now();
    let release = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        transaction.commit().await.expect("the transaction must commit");
    };
    let third = async { (post_once(&ada, "third", SMB).await, started.elapsed()) };
    let ((third, waited), ()) = tokio::join!(third, release);
    assert_eq!(third.status, 201, "the lock was released in time: {third:?}");
    assert!(waited >= Duration::from_millis(700), "it waited for the lock: {waited:?}");
    assert_eq!(ada.listed().await.len(), 3);
}
