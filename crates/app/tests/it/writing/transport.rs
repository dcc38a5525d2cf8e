//! Tests the size, the media type and the content coding of bodies.

use std::fmt::Write as _;

use reqwest::Method;

use crate::support::services::on_both_databases;
use crate::support::users::{MINIMAL_BODY, User};
use crate::support::{LIST, Response, Service};
use crate::writing::target::Target;

const MIB: usize = 1_048_576;

/// A valid body of requests that the service must reject. If the service stored it, the list would contain the name
/// `other`.
const OTHER_BODY: &str = r#"{"name":"other","leadProviderCriteria":[]}"#;

/// Returns a valid body of `bytes` bytes.
fn body_of(bytes: usize) -> String {
    let (start, end) =
        (r#"{"name":"SMB","leadProviderCriteria":[{"provider":"baseProvider","filters":{"a":""#, r#""}}]}"#);
    format!("{start}{}{end}", "x".repeat(bytes - start.len() - end.len()))
}

fn request_head(service: &Service, user: &User<'_>, target: (&Method, &str), headers: &str) -> String {
    let ((method, path), host, token) = (target, service.socket_address(), &user.token);
    format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
         content-type: application/json\r\n{headers}\r\n\r\n"
    )
}

fn to_chunks(body: &str) -> String {
    let mut chunks = String::new();
    for chunk in body.as_bytes().chunks(50_000) {
        let text = std::str::from_utf8(chunk).expect("the bytes must be UTF-8");
        write!(chunks, "{:x}\r\n{text}\r\n", chunk.len()).expect("a write to a string must succeed");
    }
    chunks + "0\r\n\r\n"
}

on_both_databases!(body_of_one_mebibyte_is_accepted);
async fn body_of_one_mebibyte_is_accepted(service: &Service) {
    let ada = service.user("user_ada");
    let body = body_of(MIB);
    assert_eq!(body.len(), MIB);
    let created = ada.create(&body).await;
    let filters = &body[body.find("{\"a\"").expect("the body must contain the filters")..body.len() - 3];
    assert!(created.body.contains(filters), "the filters must be complete");
    ada.patch(&created.icp_path(), &body).await.assert_ok();
    let request =
        request_head(service, &ada, (&Method::POST, LIST), "transfer-encoding: chunked") + &to_chunks(&body);
    let response = service.exchange(request.as_bytes());
    assert!(response.starts_with("HTTP/1.1 201"), "{}", &response[..response.len().min(1_000)]);
    assert_eq!(ada.list_names().await, ["SMB", "SMB"]);
}

on_both_databases!(larger_body_is_413);
async fn larger_body_is_413(service: &Service) {
    let target = Target::create(service).await;
    let routes = [(&Method::POST, LIST), (&Method::PATCH, target.path.as_str())];
    for (method, path) in routes {
        let start = |headers: &str| request_head(service, &target.user, (method, path), headers);
        let large_body = body_of(MIB + 1);
        let requests = [
            start("content-length: 1048577"),
            start("content-length: 99999999999999"),
            start("content-length: 1048577") + &large_body,
            start("transfer-encoding: chunked") + &to_chunks(&large_body),
            start("transfer-encoding: chunked") + &to_chunks(&body_of(8 * MIB)),
        ];
        for request in requests {
            let response = service.exchange(request.as_bytes());
            let problem =
                response.contains("application/problem+json") && response.contains("\"PAYLOAD_TOO_LARGE\"");
            assert!(response.starts_with("HTTP/1.1 413") && problem, "{}: {response}", &request[..300]);
        }
    }
    let blank = " ".repeat(MIB + 1 - MINIMAL_BODY.len());
    target.user.post(format!("{MINIMAL_BODY}{blank}")).await.assert_problem(413, "PAYLOAD_TOO_LARGE");
    target.assert_unchanged().await;
}

on_both_databases!(truncated_body_changes_nothing);
async fn truncated_body_changes_nothing(service: &Service) {
    let target = Target::create(service).await;
    let routes = [(&Method::POST, LIST), (&Method::PATCH, target.path.as_str())];
    for (method, path) in routes {
        let start = |headers: &str| request_head(service, &target.user, (method, path), headers);
        // The service receives valid JSON, but not the complete body.
        for request in [
            format!("{}{OTHER_BODY}", start(&format!("content-length: {}", OTHER_BODY.len() + 1))),
            format!("{}{:x}\r\n{OTHER_BODY}\r\n", start("transfer-encoding: chunked"), OTHER_BODY.len()),
            format!("{}{:x}\r\n{OTHER_BODY}", start("transfer-encoding: chunked"), OTHER_BODY.len() + 1),
        ] {
            let response = service.exchange(request.as_bytes());
            assert!(response.is_empty() || response.starts_with("HTTP/1.1 4"), "{response}");
            target.assert_unchanged().await;
        }
    }
}

on_both_databases!(other_media_types_and_codings_are_415);
async fn other_media_types_and_codings_are_415(service: &Service) {
    let target = Target::create(service).await;
    let routes = [(Method::POST, LIST), (Method::PATCH, target.path.as_str())];
    for (method, path) in routes {
        for headers in [
            [].as_slice(),
            &[("content-type", "")],
            &[("content-type", "text/plain")],
            &[("content-type", "text/json")],
            &[("content-type", "application/jsonx")],
            &[("content-type", "application/*")],
            &[("content-type", "application/json-patch+json")],
            &[("content-type", "application/x-www-form-urlencoded")],
            &[("content-type", "multipart/form-data; boundary=x")],
            &[("content-type", "application/json; charset=utf-16")],
            &[("content-type", "application/json; charset=latin1")],
            &[("content-type", "application/json"), ("content-type", "application/json")],
            &[("content-type", "application/json"), ("content-encoding", "gzip")],
            &[("content-type", "application/json"), ("content-encoding", "identity, br")],
        ] {
            let mut request = target.user.request(method.clone(), path).body(OTHER_BODY);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let response = Response::fetch(request).await;
            assert_eq!(response.status, 415, "{method} {headers:?}: {response:?}");
            response.assert_problem(415, "UNSUPPORTED_MEDIA_TYPE");
        }
    }
    let merge_patch = target
        .user
        .request(Method::POST, LIST)
        .header("content-type", "application/merge-patch+json")
        .body(OTHER_BODY);
    Response::fetch(merge_patch).await.assert_problem(415, "UNSUPPORTED_MEDIA_TYPE");
    target.assert_unchanged().await;
}

on_both_databases!(json_media_type_is_accepted_in_every_spelling);
async fn json_media_type_is_accepted_in_every_spelling(service: &Service) {
    let target = Target::create(service).await;
    for media_type in [
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        "Application/JSON",
        "application/json ; version=1",
    ] {
        let post = target.user.request(Method::POST, LIST).header("content-type", media_type);
        assert_eq!(Response::fetch(post.body(MINIMAL_BODY)).await.status, 201, "{media_type}");
        let patch = target.user.request(Method::PATCH, &target.path).header("content-type", media_type);
        assert_eq!(Response::fetch(patch.body(MINIMAL_BODY)).await.status, 200, "{media_type}");
    }
    let without_coding = target.user.post_request(MINIMAL_BODY).header("content-encoding", "identity");
    assert_eq!(Response::fetch(without_coding).await.status, 201);
}
