//! Tests compressed responses.

use std::io::Read as _;

use flate2::read::{GzDecoder, ZlibDecoder};
use icp_testkit::fixtures::icp;
use reqwest::Method;
use reqwest::header::HeaderMap;

use crate::support::services::{on_both_databases, with_shared_key};
use crate::support::users::{MINIMAL_BODY, User};
use crate::support::{LIST, Response, Service, Setup};

const VARY: &str = "Authorization, Accept-Encoding";

/// `Accept-Encoding` headers of requests, and the expected coding of the response.
const ACCEPT_ENCODINGS: &[(&[&str], &str)] = &[
    (&[], ""),
    (&[""], ""),
    (&["identity"], ""),
    (&["gzip"], "gzip"),
    (&["br"], ""),
    (&["deflate"], "deflate"),
    (&["gzip;q=0"], ""),
    (&["gzip;q=0, br"], ""),
    (&["br;q=0, gzip;q=0, deflate;q=0.001"], "deflate"),
    (&["gzip;q=0.5, deflate;q=0.4"], "gzip"),
    (&["gzip;q=0.2,deflate;q=0.8"], "deflate"),
    (&["gzip;q=0.2,br;q=0.8"], "gzip"),
    (&["br ; q=0.1 , gzip ; q=0.2"], "gzip"),
    (&["gzip;q=1.0, identity;q=0.5"], "gzip"),
    (&["gzip;q=0.5, identity"], ""),
    (&["identity;q=0, gzip"], "gzip"),
    (&["*;q=0, deflate"], "deflate"),
    (&["x-own, gzip"], "gzip"),
    (&["x-own"], ""),
    // The client accepts no supported coding. The response is then uncompressed.
    (&["identity;q=0"], ""),
    (&["*;q=0"], ""),
    (&["gzip;q=0, identity;q=0"], ""),
];

/// `Accept-Encoding` headers that are invalid, or for which several codings are correct.
const AMBIGUOUS_ENCODINGS: &[&[&str]] = &[
    &["*"],
    &["*;q=0.5"],
    &["*, identity;q=0"],
    &["gzip, br, zstd, deflate"],
    &["gzip, deflate, br, zstd"],
    &["gzip;q=0, *"],
    &["GZIP"],
    &["x-gzip"],
    &["gzip", "br"],
    &["br;q=0", "gzip"],
    &["gzip;q=2"],
    &["gzip;q=x"],
    &["gzip;q="],
    &["gzip;q=-1, br"],
    &[";;;,,,"],
    &[",gzip,"],
    &["é"],
    &["gzip;level=9"],
    &["gzip,gzip;q=0"],
];

/// A response whose body is not decoded.
#[derive(Debug)]
struct RawResponse {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl RawResponse {
    async fn request(user: &User<'_>, method: Method, path: &str, accepted: &[&str], known: &str) -> Self {
        let mut request = user.request(method, path);
        for line in accepted {
            request = request.header("accept-encoding", line.as_bytes());
        }
        if !known.is_empty() {
            request = request.header("if-none-match", known);
        }
        let response = request.send().await.expect("the service must respond");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, body: response.bytes().await.expect("the body must be complete").to_vec() }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("the header must be ASCII"))
    }

    fn coding(&self) -> &str {
        self.header("content-encoding")
    }

    fn decoded(&self) -> String {
        let mut decoded = Vec::new();
        match self.coding() {
            "" => decoded.clone_from(&self.body),
            "gzip" => {
                _ = GzDecoder::new(&*self.body).read_to_end(&mut decoded).expect("the body must be gzip");
            }
            "deflate" => {
                _ = ZlibDecoder::new(&*self.body)
                    .read_to_end(&mut decoded)
                    .expect("the body must be deflate");
            }
            other => panic!("the client does not accept {other}"),
        }
        String::from_utf8(decoded).expect("the bytes must be UTF-8")
    }
}

fn start_service() -> Service {
    let service = with_shared_key(Setup::new()).start();
    service.import_icps(
        (1..=300).map(|number| icp(number).with("description", "Ä 🦀 ".repeat(number as usize % 50))),
    );
    service
}

/// Checks that the decoded response is equal to the uncompressed response `plain`, and that its headers match its
/// coding. Returns the coding.
async fn check_coding(user: &User<'_>, path: &str, accepted: &[&str], plain: &Response) -> String {
    let coded = RawResponse::request(user, Method::GET, path, accepted, "").await;
    assert_eq!(coded.status, 200, "{accepted:?}");
    let coding = coded.coding().to_owned();
    assert_eq!(coded.decoded(), plain.body, "{accepted:?}");
    let opaque_tag = plain.etag().trim_matches('"');
    let tag =
        if coding.is_empty() { format!("\"{opaque_tag}\"") } else { format!("\"{opaque_tag}-{coding}\"") };
    assert_eq!(coded.header("etag"), tag, "{accepted:?}");
    assert_eq!(coded.headers.get_all("vary").iter().collect::<Vec<_>>(), [VARY], "{accepted:?}");
    assert_eq!(coded.header("link"), plain.header("link"), "{accepted:?}");
    assert_eq!(coded.header("content-type"), "application/json", "{accepted:?}");
    if coding.is_empty() {
        assert_eq!(coded.header("content-length"), plain.body.len().to_string(), "{accepted:?}");
    } else {
        assert!(coded.body.len() < plain.body.len() / 4, "{accepted:?}: {} bytes", coded.body.len());
    }
    let head = RawResponse::request(user, Method::HEAD, path, accepted, "").await;
    assert_eq!(
        (head.header("etag"), head.header("vary"), head.coding()),
        (&*tag, VARY, &*coding),
        "{accepted:?}"
    );
    for known in [&tag, plain.etag(), "*", &format!("W/\"{opaque_tag}-deflate\"")] {
        let unchanged = RawResponse::request(user, Method::GET, path, accepted, known).await;
        assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{accepted:?} {known}");
        assert_eq!(unchanged.header("etag"), tag, "a 304 must have the tag of the 200: {accepted:?} {known}");
        assert_eq!(unchanged.headers.get_all("vary").iter().collect::<Vec<_>>(), [VARY], "{accepted:?}");
        assert_eq!(unchanged.coding(), "", "{accepted:?}");
    }
    coding
}

#[tokio::test]
async fn response_uses_preferred_coding() {
    let service = start_service();
    let ada = service.user("user_ada");
    for path in [LIST.to_owned(), format!("{LIST}?limit=100&sort=name&order=desc")] {
        let plain = ada.get(&path).await.assert_ok();
        for (accepted, coding) in ACCEPT_ENCODINGS {
            assert_eq!(check_coding(&ada, &path, accepted, &plain).await, *coding, "{accepted:?}");
        }
        for accepted in AMBIGUOUS_ENCODINGS {
            check_coding(&ada, &path, accepted, &plain).await;
        }
    }
}

on_both_databases!(list_is_sent_in_every_coding);
async fn list_is_sent_in_every_coding(service: &Service) {
    service.import_icps((1..=300).map(icp));
    let ada = service.user("user_ada");
    let plain = ada.get(LIST).await.assert_ok();
    for coding in ["gzip", "deflate"] {
        assert_eq!(check_coding(&ada, LIST, &[coding], &plain).await, coding);
    }
}

#[tokio::test]
async fn small_response_matches_its_content_encoding() {
    let service = with_shared_key(Setup::new()).start();
    let ada = service.user("user_ada");
    let created = ada.create(MINIMAL_BODY).await;
    for path in [LIST.to_owned(), created.icp_path(), format!("{LIST}?name=nothing")] {
        let plain = ada.get(&path).await.assert_ok();
        for coding in ["gzip", "deflate"] {
            let coded = RawResponse::request(&ada, Method::GET, &path, &[coding], "").await;
            assert_eq!(coded.decoded(), plain.body, "{coding} of {path}");
            let unchanged =
                RawResponse::request(&ada, Method::GET, &path, &[coding], coded.header("etag")).await;
            assert_eq!((unchanged.status, unchanged.header("etag")), (304, coded.header("etag")), "{path}");
        }
    }
}

#[tokio::test]
async fn compressed_error_has_same_format_and_status() {
    let service = with_shared_key(Setup::new()).start();
    let ada = service.user("user_ada");
    let absent_icp = format!("{LIST}/550e8400-e29b-41d4-a716-000000000000");
    let invalid_query = format!("{LIST}?limit=0");
    let errors = [
        (Method::GET, &*invalid_query, 400),
        (Method::GET, &absent_icp, 404),
        (Method::PUT, LIST, 405),
        (Method::GET, "/x", 404),
    ];
    for (method, path, status) in errors {
        for accepted in ["gzip", "deflate", "identity;q=0", "*"] {
            let coded = RawResponse::request(&ada, method.clone(), path, &[accepted], "").await;
            let body = coded.decoded();
            let response = Response {
                status: coded.status.try_into().expect("the status must be valid"),
                headers: coded.headers,
                body,
            };
            let code = response.json()["code"].as_str().expect("the error must have a code").to_owned();
            response.assert_problem(status, &code);
            assert_eq!(response.etag(), "", "{response:?}");
        }
    }
}
