//! Fetches of key sets from many kinds of servers. Tests of timing are next to the code.

use std::sync::Arc;
use std::time::{Duration, Instant};

use icp_clerk::ClerkAuthenticator;
use icp_ports::{Health, HealthCheck as _};
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use crate::support::{
    KEY, KeyServer, OTHER, Outcome, Reply, TestClock, TestKey, UNAVAILABLE, accepted, bearer, claims, each,
    header, key_set, of_server, sign_parts, start, token, unsigned,
};

const LONG: Duration = Duration::from_mins(5);

fn good_set() -> String {
    key_set(&[&KEY.jwk("key_1")])
}

fn token_of(key: &TestKey, kid: &str) -> String {
    token(key, &header().set("kid", &format!("{kid:?}")), &claims())
}

/// Returns the outcome on a valid token, and the health, if the key server sends `reply`.
async fn auth_with(reply: Reply) -> (Outcome, Health) {
    auth_at(&KeyServer::start(reply).await).await
}

async fn auth_at(server: &KeyServer) -> (Outcome, Health) {
    let authenticator = start(of_server(server, LONG, LONG));
    (bearer(&authenticator, &token_of(&KEY, "key_1")).await, authenticator.health().await)
}

fn works() -> (Outcome, Health) {
    (accepted(), Health::Ok)
}

const FAILS: (Outcome, Health) = (Err(UNAVAILABLE), Health::Unavailable);

#[tokio::test]
async fn key_is_found_by_its_id() {
    let server = KeyServer::start(Reply::set(&key_set(&[&OTHER.jwk("key_2"), &KEY.jwk("key_1")]))).await;
    let authenticator = start(of_server(&server, LONG, LONG));
    for (key, kid, expected) in [
        (&KEY, "key_1", accepted()),
        (&OTHER, "key_2", accepted()),
        (&OTHER, "key_1", Err("bad_signature")),
        (&KEY, "key_2", Err("bad_signature")),
        (&KEY, "key_3", Err("unknown_key")),
        (&KEY, "", Err("unknown_key")),
    ] {
        assert_eq!(bearer(&authenticator, &token_of(key, kid)).await, expected, "{kid}");
    }
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn key_set_is_read_in_every_transfer_coding() {
    let padded = |length: usize| format!("{}{}", good_set(), " ".repeat(length - good_set().len()));
    assert_eq!(auth_with(Reply::set(&good_set())).await, works());
    assert_eq!(auth_with(Reply::without_length(&good_set())).await, works());
    assert_eq!(auth_with(Reply::late(Duration::from_millis(200), &good_set())).await, works());
    assert_eq!(auth_with(Reply::set(&padded(1 << 20))).await, works(), "1 MB to the byte");
    assert_eq!(auth_with(Reply::set(&padded((1 << 20) + 1))).await, FAILS, "announced");
    assert_eq!(auth_with(Reply::without_length(&padded((1 << 20) + 1))).await, FAILS);
    assert_eq!(auth_with(Reply::Endless).await, FAILS);
    assert_eq!(auth_with(Reply::wrong_length(good_set().len() + 1, &good_set())).await, FAILS, "cut short");
    assert_eq!(auth_with(Reply::wrong_length(good_set().len() - 1, &good_set())).await, FAILS, "goes on");
}

#[tokio::test]
async fn failed_responses_are_reported() {
    for status in [201, 204, 304, 400, 401, 404, 429, 500, 503] {
        assert_eq!(auth_with(Reply::status_with(status, &good_set())).await, FAILS, "{status}");
    }
    for document in each(r#" ; x ; {} ; [] ; null ; {"keys":[]} ; {"keys":{}} ; {"keys":null}"#) {
        assert_eq!(auth_with(Reply::set(document)).await, FAILS, "{document}");
    }
    assert_eq!(auth_with(Reply::Raw(b"not HTTP at all\r\n\r\n".to_vec())).await, FAILS);
    assert_eq!(auth_with(Reply::Raw(Vec::new())).await, FAILS);
    let invalid = [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", good_set().as_bytes(), b"\xff"].concat();
    assert_eq!(auth_with(Reply::Raw(invalid)).await, FAILS);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = KeyServer::start(Reply::set(&good_set())).await;
    let server = KeyServer::start(Reply::redirect("/moved")).await;
    server.reply_at("/moved", Reply::set(&good_set()));
    for location in ["/moved".to_owned(), elsewhere.url(), elsewhere.url().replace("http:", "")] {
        server.reply(Reply::redirect(&location));
        assert_eq!(auth_at(&server).await, FAILS, "{location}");
    }
    assert_eq!((elsewhere.fetches(), server.fetches_at("/moved")), (0, 0));
}

/// The hanging servers are tested concurrently, because each takes three seconds.
#[tokio::test]
async fn fetch_from_hanging_server_times_out() {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", good_set().len());
    let start_time = Instant::now();
    let (before_head, in_head, in_body, late) = tokio::join!(
        auth_with(Reply::Hang),
        auth_with(Reply::Stall(b"HTTP/1.1 200 OK\r\nContent-".to_vec())),
        auth_with(Reply::Stall([head.as_bytes(), &good_set().as_bytes()[..20]].concat())),
        auth_with(Reply::late(Duration::from_mins(1), &good_set())),
    );
    assert_eq!([before_head, in_head, in_body, late], [FAILS; 4]);
    assert!(start_time.elapsed() < Duration::from_secs(5), "{:?}", start_time.elapsed());
}

/// Tokens that are refused with any keys and without keys.
fn malformed_tokens() -> Vec<(String, &'static str)> {
    let with = |name, value| token(&KEY, &header().set("kid", r#""key_2""#).set(name, value), &claims());
    vec![
        ("x".to_owned(), "malformed_token"),
        (unsigned(header().text().as_bytes(), b"{}"), "malformed_token"),
        (token(&KEY, &header().without("kid"), &claims()), "no_key_id"),
        (with("kid", "1"), "no_key_id"),
        (with("kid", "null"), "no_key_id"),
        (with("kid", r#""key_2","kid":"key_2""#), "malformed_token"),
        (with("alg", r#""none""#), "wrong_algorithm"),
        (with("cat", r#""x""#), "wrong_category"),
        (with("crit", "[]"), "critical_header"),
        (with("typ", r#""at+jwt""#), "access_token"),
    ]
}

#[tokio::test]
async fn malformed_tokens_are_401_during_outage() {
    let server = KeyServer::start(Reply::status(500)).await;
    let authenticator = start(of_server(&server, LONG, LONG));
    let expired = token(&KEY, &header(), &claims().set("exp", "1"));
    for well_formed in [token_of(&KEY, "key_1"), token_of(&OTHER, "key_9"), token_of(&KEY, ""), expired] {
        assert_eq!(bearer(&authenticator, &well_formed).await, Err(UNAVAILABLE));
    }
    let damaged = (format!("{}x", token_of(&KEY, "key_1")), "malformed_token");
    let array = (sign_parts(&KEY, header().text().as_bytes(), b"[]"), "malformed_token");
    for (malformed, reason) in malformed_tokens().into_iter().chain([damaged, array]) {
        assert_eq!(bearer(&authenticator, &malformed).await, Err(reason));
    }
}

#[tokio::test]
async fn malformed_tokens_and_keys_without_id_never_fetch() {
    let server = KeyServer::start(Reply::set(&good_set())).await;
    let authenticator = start(of_server(&server, LONG, Duration::ZERO));
    assert_eq!(bearer(&authenticator, &token_of(&KEY, "key_1")).await, accepted());
    for (malformed, reason) in
        malformed_tokens().into_iter().filter(|(token, _)| token.matches('.').count() != 1)
    {
        assert_eq!(bearer(&authenticator, &malformed).await, Err(reason));
    }
    assert_eq!(server.fetches(), 1);
    assert_eq!(bearer(&authenticator, &token_of(&KEY, "key_2")).await, Err("unknown_key"));
    assert_eq!(server.fetches(), 2, "a well-formed token with an unknown key does");
}

/// Requests run on other runtimes than fetches, as they do with the workers of actix.
#[tokio::test]
async fn concurrent_requests_share_one_fetch() {
    let server = KeyServer::start(Reply::late(Duration::from_millis(300), &good_set())).await;
    let authenticator = Arc::new(start(of_server(&server, LONG, LONG)));
    let storm = |count: usize, kid: &'static str| {
        let authenticator = Arc::clone(&authenticator);
        tokio::task::spawn_blocking(move || {
            let token = Arc::new(token_of(&KEY, kid));
            let requests = (0..count).map(|_| (Arc::clone(&authenticator), Arc::clone(&token)));
            let requests =
                requests.map(|(authenticator, token)| async move { bearer(&authenticator, &token).await });
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { requests.collect::<JoinSet<_>>().join_all().await })
        })
    };
    let (known, unknown) = tokio::join!(storm(300, "key_1"), storm(1_000, "key_x"));
    let verdicts = [known.unwrap(), unknown.unwrap()].concat();
    let refused = verdicts.iter().filter(|outcome| **outcome == Err(UNAVAILABLE)).count();
    assert!((1_300 - 16..1_300).contains(&refused), "a few waited: {refused}");
    for (kid, expected) in [("key_1", accepted()), ("key_x", Err("unknown_key"))] {
        assert!(storm(1_000, kid).await.unwrap().iter().all(|outcome| *outcome == expected));
    }
    assert_eq!(server.fetches(), 1);
}

#[test]
fn known_keys_outlive_the_runtime_that_fetched_them() {
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let server = first.block_on(KeyServer::start(Reply::set(&good_set())));
    let settings = of_server(&server, LONG, Duration::ZERO);
    let error = ClerkAuthenticator::start(settings, TestClock::new()).unwrap_err();
    assert!(error.to_string().contains("runtime"), "{error}");
    let authenticator = first.block_on(async {
        let authenticator = start(of_server(&server, LONG, Duration::ZERO));
        assert_eq!(bearer(&authenticator, &token_of(&KEY, "key_1")).await, accepted());
        authenticator
    });
    drop(first);
    runtime().block_on(async {
        let new = token(&KEY, &header(), &claims().set("jti", r#""new""#));
        assert_eq!(bearer(&authenticator, &new).await, accepted());
        assert_eq!(bearer(&authenticator, &token_of(&KEY, "key_2")).await, Err("unknown_key"));
    });
}
