//! A verified token is cached, and checked again for each request.

use std::sync::Arc;
use std::time::Duration;

use icp_clerk::{ClerkAuthenticator, ClerkSettings};

use crate::support::{
    INSTANCE_KEY, KeyServer, NOW, OTHER_KEY, Reply, TestClock, accepted, authenticate_bearer, claims, header,
    key_set, settings, settings_with_key_server, start, token,
};

#[tokio::test]
async fn times_of_cached_token_are_checked_again() {
    let clock = TestClock::new();
    let authenticator = ClerkAuthenticator::start(settings(), Arc::clone(&clock) as _).unwrap();
    let token = token(&INSTANCE_KEY, &header(), &claims().set("exp", &(NOW + 50).to_string()));
    for (milliseconds, expected) in [
        (NOW * 1000, accepted()),
        ((NOW + 50) * 1000 + 4_999, accepted()),
        ((NOW + 50) * 1000 + 5_000, Err("expired")),
        ((NOW - 60) * 1000, Err("not_yet_valid")),
        (NOW * 1000, accepted()),
    ] {
        clock.set(milliseconds);
        assert_eq!(authenticate_bearer(&authenticator, &token).await, expected, "{milliseconds}");
    }
}

#[tokio::test]
async fn refused_token_is_not_cached() {
    for token_cache_size in [0, 1_000] {
        let authenticator = start(ClerkSettings { token_cache_size, ..settings() });
        let valid_token = token(&INSTANCE_KEY, &header(), &claims());
        let other_token = token(&OTHER_KEY, &header(), &claims());
        let forged = format!(
            "{}.{}",
            valid_token.rsplit_once('.').unwrap().0,
            other_token.rsplit_once('.').unwrap().1
        );
        for _ in 0..3 {
            assert_eq!(authenticate_bearer(&authenticator, &forged).await, Err("bad_signature"));
            assert_eq!(authenticate_bearer(&authenticator, &valid_token).await, accepted());
        }
    }
}

#[tokio::test]
async fn cached_token_is_refused_without_its_key() {
    let server =
        KeyServer::start(Reply::set(&key_set(&[&INSTANCE_KEY.jwk("key_1"), &OTHER_KEY.jwk("key_2")]))).await;
    let authenticator = start(settings_with_key_server(&server, Duration::from_mins(5), Duration::ZERO));
    let token_of = |key, kid: &str| token(key, &header().set("kid", &format!("{kid:?}")), &claims());
    let fetch_key_set = async |reply| {
        server.reply(reply);
        assert_eq!(
            authenticate_bearer(&authenticator, &token_of(&INSTANCE_KEY, "key_x")).await,
            Err("unknown_key")
        );
    };
    let (first, second) = (token_of(&INSTANCE_KEY, "key_1"), token_of(&OTHER_KEY, "key_2"));
    let auth = async || {
        (
            authenticate_bearer(&authenticator, &first).await,
            authenticate_bearer(&authenticator, &second).await,
        )
    };
    assert_eq!(auth().await, (accepted(), accepted()));
    fetch_key_set(Reply::status(500)).await;
    assert_eq!(auth().await, (accepted(), accepted()), "a failed fetch must not remove keys");
    fetch_key_set(Reply::set(&key_set(&[&OTHER_KEY.jwk("key_2")]))).await;
    assert_eq!(auth().await, (Err("unknown_key"), accepted()));
    fetch_key_set(Reply::set(&key_set(&[&INSTANCE_KEY.jwk("key_2")]))).await;
    assert_eq!(
        auth().await,
        (Err("unknown_key"), Err("bad_signature")),
        "a token must be refused if another key has its key ID"
    );
}
