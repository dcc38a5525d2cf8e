//! Fetches of key sets from working and failing servers. The unit tests of the crate check the times of fetches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use icp_clerk::ClerkAuthenticator;
use icp_ports::{Health, HealthCheck as _};
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use crate::support::{
    INSTANCE_KEY, KeyServer, OTHER_KEY, Outcome, Reply, TestClock, TestKey, UNAVAILABLE, accepted,
    authenticate_bearer, claims, header, key_set, settings_with_key_server, sign_parts, split_values, start,
    token, unsigned_token,
};

/// A lifetime and a cooldown that do not end during a test.
const LONG: Duration = Duration::from_mins(5);

fn valid_set() -> String {
    key_set(&[&INSTANCE_KEY.jwk("key_1")])
}

fn token_with_kid(key: &TestKey, kid: &str) -> String {
    token(key, &header().set("kid", &format!("{kid:?}")), &claims())
}

/// Returns the outcome of a request with a valid token, and the health, if the key server sends `reply`.
async fn auth_with(reply: Reply) -> (Outcome, Health) {
    auth_at(&KeyServer::start(reply).await).await
}

async fn auth_at(server: &KeyServer) -> (Outcome, Health) {
    let authenticator = start(settings_with_key_server(server, LONG, LONG));
    (
        authenticate_bearer(&authenticator, &token_with_kid(&INSTANCE_KEY, "key_1")).await,
        authenticator.health().await,
    )
}

fn success() -> (Outcome, Health) {
    (accepted(), Health::Ok)
}

const FAILURE: (Outcome, Health) = (Err(UNAVAILABLE), Health::Unavailable);

#[tokio::test]
async fn token_is_verified_with_key_of_its_id() {
    let server =
        KeyServer::start(Reply::set(&key_set(&[&OTHER_KEY.jwk("key_2"), &INSTANCE_KEY.jwk("key_1")]))).await;
    let authenticator = start(settings_with_key_server(&server, LONG, LONG));
    for (key, kid, expected) in [
        (&INSTANCE_KEY, "key_1", accepted()),
        (&OTHER_KEY, "key_2", accepted()),
        (&OTHER_KEY, "key_1", Err("bad_signature")),
        (&INSTANCE_KEY, "key_2", Err("bad_signature")),
        (&INSTANCE_KEY, "key_3", Err("unknown_key")),
        (&INSTANCE_KEY, "", Err("unknown_key")),
    ] {
        assert_eq!(authenticate_bearer(&authenticator, &token_with_kid(key, kid)).await, expected, "{kid}");
    }
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn key_set_is_read_with_and_without_length() {
    let padded = |length: usize| format!("{}{}", valid_set(), " ".repeat(length - valid_set().len()));
    assert_eq!(auth_with(Reply::set(&valid_set())).await, success());
    assert_eq!(auth_with(Reply::without_length(&valid_set())).await, success());
    assert_eq!(auth_with(Reply::late(Duration::from_millis(200), &valid_set())).await, success());
    assert_eq!(
        auth_with(Reply::set(&padded(1 << 20))).await,
        success(),
        "a response of exactly 1 MiB must be accepted"
    );
    assert_eq!(
        auth_with(Reply::set(&padded((1 << 20) + 1))).await,
        FAILURE,
        "a longer response with `Content-Length` must be refused"
    );
    assert_eq!(auth_with(Reply::without_length(&padded((1 << 20) + 1))).await, FAILURE);
    assert_eq!(auth_with(Reply::Endless).await, FAILURE);
    assert_eq!(
        auth_with(Reply::wrong_length(valid_set().len() + 1, &valid_set())).await,
        FAILURE,
        "a truncated response must be refused"
    );
    assert_eq!(
        auth_with(Reply::wrong_length(valid_set().len() - 1, &valid_set())).await,
        FAILURE,
        "a response that is longer than `Content-Length` must be refused"
    );
}

#[tokio::test]
async fn invalid_responses_leave_keys_unavailable() {
    for status in [201, 204, 304, 400, 401, 404, 429, 500, 503] {
        assert_eq!(auth_with(Reply::status_with(status, &valid_set())).await, FAILURE, "{status}");
    }
    for document in split_values(r#" ; x ; {} ; [] ; null ; {"keys":[]} ; {"keys":{}} ; {"keys":null}"#) {
        assert_eq!(auth_with(Reply::set(document)).await, FAILURE, "{document}");
    }
    assert_eq!(auth_with(Reply::Raw(b"not HTTP at all\r\n\r\n".to_vec())).await, FAILURE);
    assert_eq!(auth_with(Reply::Raw(Vec::new())).await, FAILURE);
    let invalid = [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", valid_set().as_bytes(), b"\xff"].concat();
    assert_eq!(auth_with(Reply::Raw(invalid)).await, FAILURE);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let other_server = KeyServer::start(Reply::set(&valid_set())).await;
    let server = KeyServer::start(Reply::redirect("/moved")).await;
    server.reply_at("/moved", Reply::set(&valid_set()));
    for location in ["/moved".to_owned(), other_server.url(), other_server.url().replace("http:", "")] {
        server.reply(Reply::redirect(&location));
        assert_eq!(auth_at(&server).await, FAILURE, "{location}");
    }
    assert_eq!((other_server.fetches(), server.fetches_at("/moved")), (0, 0));
}

/// The hanging servers are tested concurrently, because each test takes three seconds.
#[tokio::test]
async fn fetch_from_hanging_server_times_out() {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", valid_set().len());
    let start_time = Instant::now();
    let (before_head, in_head, in_body, late) = tokio::join!(
        auth_with(Reply::Hang),
        auth_with(Reply::Stall(b"HTTP/1.1 200 OK\r\nContent-".to_vec())),
        auth_with(Reply::Stall([head.as_bytes(), &valid_set().as_bytes()[..20]].concat())),
        auth_with(Reply::late(Duration::from_mins(1), &valid_set())),
    );
    assert_eq!([before_head, in_head, in_body, late], [FAILURE; 4]);
    assert!(start_time.elapsed() < Duration::from_secs(5), "{:?}", start_time.elapsed());
}

/// Tokens that are refused without a look-up of their key, with the reasons.
fn malformed_tokens() -> Vec<(String, &'static str)> {
    let with =
        |name, value| token(&INSTANCE_KEY, &header().set("kid", r#""key_2""#).set(name, value), &claims());
    vec![
        ("x".to_owned(), "malformed_token"),
        (unsigned_token(header().text().as_bytes(), b"{}"), "malformed_token"),
        (token(&INSTANCE_KEY, &header().without("kid"), &claims()), "no_key_id"),
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
async fn malformed_tokens_are_refused_during_outage() {
    let server = KeyServer::start(Reply::status(500)).await;
    let authenticator = start(settings_with_key_server(&server, LONG, LONG));
    let expired = token(&INSTANCE_KEY, &header(), &claims().set("exp", "1"));
    for well_formed in [
        token_with_kid(&INSTANCE_KEY, "key_1"),
        token_with_kid(&OTHER_KEY, "key_9"),
        token_with_kid(&INSTANCE_KEY, ""),
        expired,
    ] {
        assert_eq!(authenticate_bearer(&authenticator, &well_formed).await, Err(UNAVAILABLE));
    }
    let damaged_signature = (format!("{}x", token_with_kid(&INSTANCE_KEY, "key_1")), "malformed_token");
    let array = (sign_parts(&INSTANCE_KEY, header().text().as_bytes(), b"[]"), "malformed_token");
    for (malformed, reason) in malformed_tokens().into_iter().chain([damaged_signature, array]) {
        assert_eq!(authenticate_bearer(&authenticator, &malformed).await, Err(reason));
    }
}

#[tokio::test]
async fn malformed_tokens_cause_no_fetch() {
    let server = KeyServer::start(Reply::set(&valid_set())).await;
    let authenticator = start(settings_with_key_server(&server, LONG, Duration::ZERO));
    assert_eq!(
        authenticate_bearer(&authenticator, &token_with_kid(&INSTANCE_KEY, "key_1")).await,
        accepted()
    );
    for (malformed, reason) in
        malformed_tokens().into_iter().filter(|(token, _)| token.matches('.').count() != 1)
    {
        assert_eq!(authenticate_bearer(&authenticator, &malformed).await, Err(reason));
    }
    assert_eq!(server.fetches(), 1);
    assert_eq!(
        authenticate_bearer(&authenticator, &token_with_kid(&INSTANCE_KEY, "key_2")).await,
        Err("unknown_key")
    );
    assert_eq!(server.fetches(), 2, "a well-formed token with an unknown key must cause a fetch");
}

/// The requests and the fetches run on different runtimes, as in the workers of actix.
#[tokio::test]
async fn concurrent_requests_share_one_fetch() {
    let server = KeyServer::start(Reply::late(Duration::from_millis(300), &valid_set())).await;
    let authenticator = Arc::new(start(settings_with_key_server(&server, LONG, LONG)));
    let send_requests = |count: usize, kid: &'static str| {
        let authenticator = Arc::clone(&authenticator);
        tokio::task::spawn_blocking(move || {
            let token = Arc::new(token_with_kid(&INSTANCE_KEY, kid));
            let requests = (0..count).map(|_| (Arc::clone(&authenticator), Arc::clone(&token)));
            let requests = requests.map(|(authenticator, token)| async move {
                authenticate_bearer(&authenticator, &token).await
            });
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { requests.collect::<JoinSet<_>>().join_all().await })
        })
    };
    let (known, unknown) = tokio::join!(send_requests(300, "key_1"), send_requests(1_000, "key_x"));
    let outcomes = [known.unwrap(), unknown.unwrap()].concat();
    let refused = outcomes.iter().filter(|outcome| **outcome == Err(UNAVAILABLE)).count();
    assert!(
        (1_300 - 16..1_300).contains(&refused),
        "from 1 to 16 requests must have waited and succeeded; {refused} were refused"
    );
    for (kid, expected) in [("key_1", accepted()), ("key_x", Err("unknown_key"))] {
        assert!(send_requests(1_000, kid).await.unwrap().iter().all(|outcome| *outcome == expected));
    }
    assert_eq!(server.fetches(), 1);
}

#[test]
fn keys_are_usable_after_their_runtime_ended() {
    let new_runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let fetching_runtime = new_runtime();
    let server = fetching_runtime.block_on(KeyServer::start(Reply::set(&valid_set())));
    let settings = settings_with_key_server(&server, LONG, Duration::ZERO);
    let error = ClerkAuthenticator::start(settings, TestClock::new()).unwrap_err();
    assert!(error.to_string().contains("runtime"), "{error}");
    let authenticator = fetching_runtime.block_on(async {
        let authenticator = start(settings_with_key_server(&server, LONG, Duration::ZERO));
        assert_eq!(
            authenticate_bearer(&authenticator, &token_with_kid(&INSTANCE_KEY, "key_1")).await,
            accepted()
        );
        authenticator
    });
    drop(fetching_runtime);
    new_runtime().block_on(async {
        let new_token = token(&INSTANCE_KEY, &header(), &claims().set("jti", r#""new""#));
        assert_eq!(authenticate_bearer(&authenticator, &new_token).await, accepted());
        assert_eq!(
            authenticate_bearer(&authenticator, &token_with_kid(&INSTANCE_KEY, "key_2")).await,
            Err("unknown_key")
        );
    });
}
