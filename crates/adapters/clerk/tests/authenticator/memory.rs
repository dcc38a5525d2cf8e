//! A token that was verified once is remembered, and still judged.

use std::sync::Arc;
use std::time::Duration;

use icp_clerk::{ClerkAuthenticator, ClerkSettings};

use crate::support::{
    KEY, KeyServer, NOW, OTHER, Reply, TestClock, accepted, bearer, claims, header, key_set, server_keys,
    settings, start, start_with_server, token,
};

#[tokio::test]
async fn a_remembered_token_expires() {
    let clock = TestClock::new();
    let authenticator = ClerkAuthenticator::start(settings(), Arc::clone(&clock) as _).unwrap();
    let token = token(&KEY, &header(), &claims().set("exp", &(NOW + 50).to_string()));
    assert_eq!(bearer(&authenticator, &token).await, accepted());
    clock.set((NOW + 50) * 1000 + 4_999);
    assert_eq!(bearer(&authenticator, &token).await, accepted());
    clock.set((NOW + 50) * 1000 + 5_000);
    assert_eq!(bearer(&authenticator, &token).await, Err("expired"));
    assert_eq!(
        bearer(&authenticator, &token).await,
        Err("expired"),
        "and once more, now that it is forgotten"
    );
}

#[tokio::test]
async fn a_remembered_token_is_judged_by_a_clock_that_was_set_back() {
    let clock = TestClock::new();
    let authenticator = ClerkAuthenticator::start(settings(), Arc::clone(&clock) as _).unwrap();
    let token = token(&KEY, &header(), &claims());
    assert_eq!(bearer(&authenticator, &token).await, accepted());
    clock.set((NOW - 60) * 1000);
    assert_eq!(bearer(&authenticator, &token).await, Err("not_yet_valid"));
}

#[tokio::test]
async fn a_refused_token_is_not_remembered() {
    let authenticator = start(settings());
    let good = token(&KEY, &header(), &claims());
    let other = token(&OTHER, &header(), &claims());
    let bad = format!("{}.{}", good.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
    for _ in 0..3 {
        assert_eq!(bearer(&authenticator, &bad).await, Err("bad_signature"));
        assert_eq!(bearer(&authenticator, &good).await, accepted());
    }
}

#[tokio::test]
async fn a_remembered_token_is_forgotten_when_its_key_leaves_the_set() {
    let both = key_set(&[&KEY.jwk("key_1"), &OTHER.jwk("key_2")]);
    let server = KeyServer::start(Reply::set(&both)).await;
    let authenticator = start_with_server(&server, Duration::from_mins(5), Duration::ZERO);
    let removed = token(&KEY, &header(), &claims());
    let kept = token(&OTHER, &header().set("kid", r#""key_2""#), &claims());
    assert_eq!(bearer(&authenticator, &removed).await, accepted());
    assert_eq!(bearer(&authenticator, &kept).await, accepted());

    server.reply(Reply::set(&key_set(&[&OTHER.jwk("key_2")])));
    // Somebody asks for a key that nobody has, and so has the set fetched.
    let unknown = token(&KEY, &header().set("kid", r#""key_3""#), &claims());
    assert_eq!(bearer(&authenticator, &unknown).await, Err("unknown_key"));
    assert_eq!(bearer(&authenticator, &removed).await, Err("unknown_key"));
    assert_eq!(bearer(&authenticator, &kept).await, accepted());
}

#[tokio::test]
async fn a_remembered_token_is_forgotten_when_its_name_goes_to_another_key() {
    let server = KeyServer::start(Reply::set(&key_set(&[&KEY.jwk("key_1")]))).await;
    let authenticator = start_with_server(&server, Duration::from_mins(5), Duration::ZERO);
    let token_of = |key| token(key, &header(), &claims());
    assert_eq!(bearer(&authenticator, &token_of(&KEY)).await, accepted());

    server.reply(Reply::set(&key_set(&[&OTHER.jwk("key_1")])));
    let unknown = token(&KEY, &header().set("kid", r#""key_3""#), &claims());
    assert_eq!(bearer(&authenticator, &unknown).await, Err("unknown_key"));
    assert_eq!(bearer(&authenticator, &token_of(&KEY)).await, Err("bad_signature"));
    assert_eq!(bearer(&authenticator, &token_of(&OTHER)).await, accepted());
}

#[tokio::test]
async fn a_token_is_remembered_across_fetches_and_outages() {
    let server = KeyServer::start(Reply::set(&key_set(&[&KEY.jwk("key_1")]))).await;
    let keys = server_keys(&server, Duration::from_mins(5), Duration::ZERO);
    let authenticator = start(ClerkSettings { keys, ..settings() });
    let token_of = |kid: &str| token(&KEY, &header().set("kid", kid), &claims());
    assert_eq!(bearer(&authenticator, &token_of(r#""key_1""#)).await, accepted());
    for reply in [Reply::status(500), Reply::set(&key_set(&[&KEY.jwk("key_1"), &OTHER.jwk("key_2")]))] {
        server.reply(reply);
        assert_eq!(bearer(&authenticator, &token_of(r#""key_3""#)).await, Err("unknown_key"));
        assert_eq!(bearer(&authenticator, &token_of(r#""key_1""#)).await, accepted());
    }
}
