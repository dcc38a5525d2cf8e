//! A key set that is fetched, from servers of every kind. What depends on time alone is tested next to the
//! code.

use std::sync::Arc;
use std::time::Duration;

use icp_clerk::{ClerkAuthenticator, ClerkSettings, StartError};
use icp_ports::{Health, HealthCheck as _};
use tokio::time::{sleep, timeout};

use crate::support::{
    KEY, KeyServer, OTHER, Reply, TestClock, TestKey, UNAVAILABLE, Verdict, accepted, bearer, claims, header,
    key_set, server_keys, settings, start_with_server, token, unsigned,
};

const LONG: Duration = Duration::from_mins(5);

fn good_set() -> String {
    key_set(&[&KEY.jwk("key_1")])
}

fn token_of(key: &TestKey, kid: &str) -> String {
    token(key, &header().set("kid", kid), &claims())
}

fn good_token() -> String {
    token_of(&KEY, r#""key_1""#)
}

/// What becomes of a good token whose keys such a server has, and in which health that leaves us.
async fn judge_with(reply: Reply) -> (Verdict, Health) {
    let server = KeyServer::start(reply).await;
    judge_at(&server).await
}

async fn judge_at(server: &KeyServer) -> (Verdict, Health) {
    let authenticator = start_with_server(server, LONG, LONG);
    (bearer(&authenticator, &good_token()).await, authenticator.health().await)
}

fn works() -> (Verdict, Health) {
    (accepted(), Health::Ok)
}

const FAILS: (Verdict, Health) = (Err(UNAVAILABLE), Health::Unavailable);

#[tokio::test]
async fn the_key_is_found_by_its_name() {
    let set = key_set(&[&OTHER.jwk("key_2"), &KEY.jwk("key_1")]);
    let server = KeyServer::start(Reply::set(&set)).await;
    let authenticator = start_with_server(&server, LONG, LONG);
    assert_eq!(bearer(&authenticator, &token_of(&KEY, r#""key_1""#)).await, accepted());
    assert_eq!(bearer(&authenticator, &token_of(&OTHER, r#""key_2""#)).await, accepted());
    assert_eq!(bearer(&authenticator, &token_of(&OTHER, r#""key_1""#)).await, Err("bad_signature"));
    assert_eq!(bearer(&authenticator, &token_of(&KEY, r#""key_2""#)).await, Err("bad_signature"));
    assert_eq!(bearer(&authenticator, &token_of(&KEY, r#""key_3""#)).await, Err("unknown_key"));
    assert_eq!(bearer(&authenticator, &token_of(&KEY, r#""""#)).await, Err("unknown_key"));
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn bodies_in_every_transfer() {
    assert_eq!(judge_with(Reply::set(&good_set())).await, works());
    assert_eq!(judge_with(Reply::unannounced(&good_set())).await, works());
    assert_eq!(judge_with(Reply::late(Duration::from_millis(200), &good_set())).await, works());
    let padded = format!("{}{}", good_set(), " ".repeat(1024 * 1024 - good_set().len()));
    assert_eq!(judge_with(Reply::set(&padded)).await, works(), "1 MB to the byte");
}

#[tokio::test]
async fn answers_that_are_failures() {
    for status in [201, 204, 304, 400, 401, 404, 429, 500, 503] {
        assert_eq!(judge_with(Reply::status_with(status, &good_set())).await, FAILS, "{status}");
    }
    for document in [
        "",
        "x",
        "{}",
        "[]",
        "null",
        r#"{"keys":[]}"#,
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        &KEY.jwk("key_1"),
    ] {
        assert_eq!(judge_with(Reply::set(document)).await, FAILS, "{document}");
    }
    assert_eq!(judge_with(Reply::Raw(b"not HTTP at all\r\n\r\n".to_vec())).await, FAILS);
    assert_eq!(judge_with(Reply::Raw(Vec::new())).await, FAILS);
    let invalid = [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", good_set().as_bytes(), b"\xff"].concat();
    assert_eq!(judge_with(Reply::Raw(invalid)).await, FAILS);
}

#[tokio::test]
async fn bodies_that_are_too_large_or_of_another_length() {
    let padded = format!("{}{}", good_set(), " ".repeat(1024 * 1024 - good_set().len() + 1));
    assert_eq!(judge_with(Reply::set(&padded)).await, FAILS, "one byte over 1 MB, announced");
    assert_eq!(judge_with(Reply::unannounced(&padded)).await, FAILS, "one byte over 1 MB, not announced");
    assert_eq!(judge_with(Reply::Endless).await, FAILS);
    assert_eq!(judge_with(Reply::lying(good_set().len() + 1, &good_set())).await, FAILS, "cut short");
    assert_eq!(judge_with(Reply::lying(good_set().len() - 1, &good_set())).await, FAILS, "goes on");
}

#[tokio::test]
async fn redirects_within_the_host_are_followed_and_others_are_not() {
    let elsewhere = KeyServer::start(Reply::set(&good_set())).await;
    let server = KeyServer::start(Reply::redirect("/moved")).await;
    server.reply_at("/moved", Reply::set(&good_set()));
    assert_eq!(judge_at(&server).await, works());

    for location in [
        elsewhere.url(),
        format!("http://localhost:{}/moved", server.port()),
        format!("https://127.0.0.1:{}/moved", server.port()),
        format!("//127.0.0.1:{}/jwks", elsewhere.port()),
    ] {
        server.reply(Reply::redirect(&location));
        assert_eq!(judge_at(&server).await, FAILS, "{location}");
    }
    assert_eq!(elsewhere.fetches(), 0);
    assert_eq!(server.fetches_at("/moved"), 1);
}

#[tokio::test]
async fn five_redirects_and_no_more() {
    let server = KeyServer::start(Reply::redirect("/1")).await;
    for hop in 1..5 {
        server.reply_at(&format!("/{hop}"), Reply::redirect(&format!("/{}", hop + 1)));
    }
    server.reply_at("/5", Reply::set(&good_set()));
    assert_eq!(judge_at(&server).await, works());
    server.reply_at("/5", Reply::redirect("/6"));
    server.reply_at("/6", Reply::set(&good_set()));
    assert_eq!(judge_at(&server).await, FAILS);
    server.reply(Reply::redirect("/jwks"));
    assert_eq!(judge_at(&server).await, FAILS, "in a circle");
}

/// Hanging servers side by side, since each takes its three seconds.
#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", good_set().len());
    // How soon is a matter of the tests next to the code, whose clock does not depend on this machine's load.
    let (before_head, in_head, in_body, late) = tokio::join!(
        judge_with(Reply::Hang),
        judge_with(Reply::Stall(b"HTTP/1.1 200 OK\r\nContent-".to_vec())),
        judge_with(Reply::Stall([head.as_bytes(), &good_set().as_bytes()[..20]].concat())),
        judge_with(Reply::late(Duration::from_mins(1), &good_set())),
    );
    assert_eq!([before_head, in_head, in_body, late], [FAILS; 4]);
}

#[tokio::test]
async fn nobody_listens() {
    let server = KeyServer::start(Reply::Hang).await;
    let keys = server_keys(&server, LONG, LONG);
    drop(server);
    sleep(Duration::from_millis(50)).await;
    let authenticator =
        ClerkAuthenticator::start(ClerkSettings { keys, ..settings() }, TestClock::new()).unwrap();
    assert_eq!(bearer(&authenticator, &good_token()).await, Err(UNAVAILABLE));
    assert_eq!(authenticator.health().await, Health::Unavailable);
}

#[tokio::test]
async fn an_outage_tells_bad_tokens_from_unknown_ones() {
    let server = KeyServer::start(Reply::status(500)).await;
    let authenticator = start_with_server(&server, LONG, LONG);
    for well_formed in [good_token(), token_of(&OTHER, r#""key_9""#), token_of(&KEY, r#""""#)] {
        assert_eq!(bearer(&authenticator, &well_formed).await, Err(UNAVAILABLE));
    }
    let expired = token(&KEY, &header(), &claims().set("exp", "1"));
    assert_eq!(bearer(&authenticator, &expired).await, Err(UNAVAILABLE), "who signed it cannot be told");
    for (malformed, reason) in [
        ("x".to_owned(), "malformed_token"),
        (unsigned(b"{}", b"{}"), "malformed_token"),
        (token(&KEY, &header().without("kid"), &claims()), "no_key_id"),
        (token_of(&KEY, "1"), "no_key_id"),
        (token_of(&KEY, "null"), "no_key_id"),
        (token(&KEY, &header().set("alg", r#""none""#), &claims()), "wrong_algorithm"),
        (token(&KEY, &header().set("cat", r#""x""#), &claims()), "wrong_category"),
        (token(&KEY, &header(), &claims().set("sub", r#""mch_1""#)), "machine_token"),
        (token(&KEY, &header(), &claims().set("x", r#"{"a":1,"a":1}"#)), "malformed_token"),
    ] {
        assert_eq!(bearer(&authenticator, &malformed).await, Err(reason));
    }
}

#[tokio::test]
async fn malformed_tokens_and_nameless_keys_never_fetch() {
    let server = KeyServer::start(Reply::set(&good_set())).await;
    let authenticator = start_with_server(&server, LONG, Duration::ZERO);
    assert_eq!(bearer(&authenticator, &good_token()).await, accepted());
    for bad in [
        "x".to_owned(),
        token(&KEY, &header().without("kid"), &claims()),
        token_of(&KEY, "1"),
        token_of(&KEY, "null"),
        token_of(&KEY, r#"["key_2"]"#),
        token_of(&KEY, r#""key_2","kid":"key_2""#),
        token(&KEY, &header().set("kid", r#""key_2""#).set("alg", r#""RS384""#), &claims()),
        token(&KEY, &header().set("kid", r#""key_2""#).set("crit", "[]"), &claims()),
        token(&KEY, &header().set("kid", r#""key_2""#), &claims().set("sub", r#""mch_1""#)),
        format!("{}x", token_of(&KEY, r#""key_2""#)),
    ] {
        assert!(bearer(&authenticator, &bad).await.is_err());
    }
    assert_eq!(server.fetches(), 1);
    assert_eq!(bearer(&authenticator, &token_of(&KEY, r#""key_2""#)).await, Err("unknown_key"));
    assert_eq!(server.fetches(), 2, "a sound token with an unknown key does");
}

#[tokio::test]
async fn a_rotated_key_is_found_at_once() {
    let server = KeyServer::start(Reply::set(&good_set())).await;
    let authenticator = start_with_server(&server, LONG, Duration::ZERO);
    assert_eq!(bearer(&authenticator, &good_token()).await, accepted());
    server.reply(Reply::set(&key_set(&[&KEY.jwk("key_1"), &OTHER.jwk("key_2")])));
    assert_eq!(bearer(&authenticator, &token_of(&OTHER, r#""key_2""#)).await, accepted());
    server.reply(Reply::set(&key_set(&[&OTHER.jwk("key_2")])));
    assert_eq!(bearer(&authenticator, &token_of(&OTHER, r#""key_3""#)).await, Err("unknown_key"));
    assert_eq!(bearer(&authenticator, &good_token()).await, Err("unknown_key"), "the old key is gone");
    assert_eq!(bearer(&authenticator, &token_of(&OTHER, r#""key_2""#)).await, accepted());
}

#[tokio::test]
async fn an_outage_ends_by_itself() {
    let server = KeyServer::start(Reply::status(500)).await;
    let authenticator = start_with_server(&server, LONG, Duration::from_millis(100));
    assert_eq!(bearer(&authenticator, &good_token()).await, Err(UNAVAILABLE));
    assert_eq!(authenticator.health().await, Health::Unavailable);
    server.reply(Reply::set(&good_set()));
    // Nobody asks for a key meanwhile.
    let healed = async {
        while authenticator.health().await != Health::Ok {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), healed).await.expect("it heals");
    assert_eq!(bearer(&authenticator, &good_token()).await, accepted());
}

#[tokio::test]
async fn tokens_serve_through_an_outage_that_readiness_reports() {
    let server = KeyServer::start(Reply::set(&good_set())).await;
    let authenticator = start_with_server(&server, Duration::from_millis(300), Duration::from_millis(100));
    assert_eq!(bearer(&authenticator, &good_token()).await, accepted());
    server.reply(Reply::set("{}"));
    let stale = async {
        while authenticator.health().await != Health::Stale {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), stale).await.expect("it becomes stale");
    let new = token(&KEY, &header(), &claims().set("jti", r#""new""#));
    assert_eq!(bearer(&authenticator, &new).await, accepted());
}

/// Requests come from other runtimes than the one that fetches, as actix's workers are.
#[tokio::test]
async fn a_storm_on_many_runtimes_is_one_fetch() {
    let server = KeyServer::start(Reply::late(Duration::from_millis(300), &good_set())).await;
    let authenticator = Arc::new(start_with_server(&server, LONG, LONG));
    let storm = |count: usize, kid: &'static str, expected: Verdict| {
        let authenticator = Arc::clone(&authenticator);
        tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let token = Arc::new(token_of(&KEY, kid));
                let tasks: Vec<_> = (0..count)
                    .map(|_| (Arc::clone(&authenticator), Arc::clone(&token)))
                    .map(|(authenticator, token)| {
                        tokio::spawn(async move { bearer(&authenticator, &token).await })
                    })
                    .collect();
                for task in tasks {
                    assert_eq!(task.await.unwrap(), expected);
                }
            });
        })
    };
    let (one, two, three) = tokio::join!(
        storm(300, r#""key_1""#, accepted()),
        storm(300, r#""key_1""#, accepted()),
        storm(1_000, r#""key_x""#, Err("unknown_key")),
    );
    one.and(two).and(three).unwrap();
    assert_eq!(server.fetches(), 1);
}

#[test]
fn a_key_set_needs_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(KeyServer::start(Reply::Hang));
    let settings = ClerkSettings { keys: server_keys(&server, LONG, LONG), ..settings() };
    let error = ClerkAuthenticator::start(settings, TestClock::new()).unwrap_err();
    assert!(matches!(error, StartError::NoRuntime));
}

#[test]
fn known_keys_outlive_the_runtime_that_fetched_them() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let authenticator = runtime.block_on(async {
        let server = KeyServer::start(Reply::set(&good_set())).await;
        let authenticator = start_with_server(&server, LONG, Duration::ZERO);
        assert_eq!(bearer(&authenticator, &good_token()).await, accepted());
        authenticator
    });
    drop(runtime);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let new = token(&KEY, &header(), &claims().set("jti", r#""new""#));
        assert_eq!(bearer(&authenticator, &new).await, accepted());
        assert_eq!(bearer(&authenticator, &token_of(&KEY, r#""key_2""#)).await, Err("unknown_key"));
    });
}
