//! A verified token is cached, and checked again at each use.

use std::sync::Arc;
use std::time::Duration;

use icp_clerk::{ClerkAuthenticator, ClerkSettings};

use crate::support::{
    KEY, KeyServer, NOW, OTHER, Reply, TestClock, accepted, bearer, claims, header, key_set, of_server,
    settings, start, token,
};

#[tokio::test]
async fn cached_token_is_checked_by_the_clock() {
    let clock = TestClock::new();
    let authenticator = ClerkAuthenticator::start(settings(), Arc::clone(&clock) as _).unwrap();
    let token = token(&KEY, &header(), &claims().set("exp", &(NOW + 50).to_string()));
    for (milliseconds, expected) in [
        (NOW * 1000, accepted()),
        ((NOW + 50) * 1000 + 4_999, accepted()),
        ((NOW + 50) * 1000 + 5_000, Err("expired")),
        ((NOW - 60) * 1000, Err("not_yet_valid")),
        (NOW * 1000, accepted()),
    ] {
        clock.set(milliseconds);
        assert_eq!(bearer(&authenticator, &token).await, expected, "{milliseconds}");
    }
}

#[tokio::test]
async fn refused_token_is_not_cached() {
    for token_cache_size in [0, 1_000] {
        let authenticator = start(ClerkSettings { token_cache_size, ..settings() });
        let good = token(&KEY, &header(), &claims());
        let other = token(&OTHER, &header(), &claims());
        let bad = format!("{}.{}", good.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
        for _ in 0..3 {
            assert_eq!(bearer(&authenticator, &bad).await, Err("bad_signature"));
            assert_eq!(bearer(&authenticator, &good).await, accepted());
        }
    }
}

#[tokio::test]
async fn cached_token_is_dropped_with_its_key() {
    let server = KeyServer::start(Reply::set(&key_set(&[&KEY.jwk("key_1"), &OTHER.jwk("key_2")]))).await;
    let authenticator = start(of_server(&server, Duration::from_mins(5), Duration::ZERO));
    let token_of = |key, kid: &str| token(key, &header().set("kid", &format!("{kid:?}")), &claims());
    let fetch = async |reply| {
        server.reply(reply);
        assert_eq!(bearer(&authenticator, &token_of(&KEY, "key_x")).await, Err("unknown_key"));
    };
    let (first, second) = (token_of(&KEY, "key_1"), token_of(&OTHER, "key_2"));
    let auth = async || (bearer(&authenticator, &first).await, bearer(&authenticator, &second).await);
    assert_eq!(auth().await, (accepted(), accepted()));
    fetch(Reply::status(500)).await;
    assert_eq!(auth().await, (accepted(), accepted()), "an outage removes nothing");
    fetch(Reply::set(&key_set(&[&OTHER.jwk("key_2")]))).await;
    assert_eq!(auth().await, (Err("unknown_key"), accepted()));
    fetch(Reply::set(&key_set(&[&KEY.jwk("key_2")]))).await;
    assert_eq!(auth().await, (Err("unknown_key"), Err("bad_signature")), "the name of another key");
}
