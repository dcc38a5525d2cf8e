//! Creates with an idempotency key.

use std::sync::Arc;

use icp_domain::{IcpDocument, Timestamp};
use icp_ports::{Creation, IdempotencyKey, StoredIcp};

use super::Subject;
use super::support::array;
use crate::fixtures::{icp, user};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

fn key(user_id: &str, key: &str, fingerprint: u8) -> IdempotencyKey {
    IdempotencyKey { user_id: user(user_id), key: key.to_owned(), fingerprint: [fingerprint; 32] }
}

/// An ICP that is created so many milliseconds after noon of some day.
fn created(number: u128, millis: i64) -> IcpDocument {
    let noon: Timestamp = "2024-06-01T12:00:00.000Z".parse().expect("a time");
    let time = Timestamp::from_unix_millis(noon.unix_millis() + millis).expect("a time").to_string();
    icp(number).created_at(&time).document()
}

pub(super) async fn a_repeated_create_has_the_first_outcome(subject: Subject) {
    let first = created(1, 0);
    let Creation::Created(version) = subject.create_once(&first, &key("user_ada", "k", 1)).await else {
        panic!("it is the first");
    };
    assert_eq!(subject.found(1).await.version, version);
    let outcome = StoredIcp { id: first.id(), version, json: first.json().to_owned() };
    for again in [created(2, 5), created(3, DAY_MILLIS)] {
        let repeated = subject.create_once(&again, &key("user_ada", "k", 1)).await;
        assert_eq!(repeated, Creation::Repeated(outcome.clone()));
    }
    assert_eq!(subject.export().await, [first.json()]);
}

pub(super) async fn a_repeated_create_has_it_also_when_the_icp_is_changed_or_gone(subject: Subject) {
    let first = created(1, 0);
    let key = key("user_ada", "k", 1);
    let Creation::Created(version) = subject.create_once(&first, &key).await else {
        panic!("it is the first");
    };
    let outcome = Creation::Repeated(StoredIcp { id: first.id(), version, json: first.json().to_owned() });
    let changed = icp(1).created_at("2024-06-01T12:00:00.000Z").with("name", "changed").document();
    let second = subject.update(&first, &changed, version).await.expect("it is at that version");
    assert_eq!(subject.create_once(&created(2, 1), &key).await, outcome);
    assert!(subject.delete(1, second).await);
    assert_eq!(subject.create_once(&created(2, 2), &key).await, outcome);
    assert!(subject.export().await.is_empty(), "nothing was created anew");
}

pub(super) async fn another_request_with_the_same_key_is_told_so(subject: Subject) {
    let first = created(1, 0);
    subject.create_once(&first, &key("user_ada", "k", 1)).await;
    assert_eq!(subject.create_once(&created(2, 1), &key("user_ada", "k", 2)).await, Creation::KeyReused);
    assert_eq!(subject.export().await, [first.json()]);
}

pub(super) async fn keys_are_each_users_own_and_compared_byte_for_byte(subject: Subject) {
    let keys =
        [("user_ada", "k"), ("user_bob", "k"), ("user_ada", "K"), ("user_ada", "k "), ("user_adak", "")];
    for (number, (user_id, name)) in (1..).zip(keys) {
        let outcome = subject.create_once(&created(number, 0), &key(user_id, name, 1)).await;
        assert!(matches!(outcome, Creation::Created(_)), "{user_id} {name:?}: {outcome:?}");
    }
    assert_eq!(subject.export().await.len(), keys.len());
}

pub(super) async fn a_key_counts_for_a_day(subject: Subject) {
    subject.create_once(&created(1, 0), &key("user_ada", "k", 1)).await;
    let on_time = subject.create_once(&created(2, DAY_MILLIS), &key("user_ada", "k", 2)).await;
    assert_eq!(on_time, Creation::KeyReused);
    let late = subject.create_once(&created(3, DAY_MILLIS + 1), &key("user_ada", "k", 2)).await;
    assert!(matches!(late, Creation::Created(_)), "{late:?}");
    let again = subject.create_once(&created(4, DAY_MILLIS + 2), &key("user_ada", "k", 2)).await;
    assert!(
        matches!(again, Creation::Repeated(stored) if stored.id == crate::fixtures::id(3)),
        "it took the key over"
    );
    assert_eq!(subject.export().await.len(), 2);
}

pub(super) async fn a_create_that_fails_uses_no_key(subject: Subject) {
    subject.create(&created(1, 0)).await;
    let key = key("user_ada", "k", 1);
    assert!(subject.repository.create_once(&created(1, 5), &key).await.is_err(), "its id is there already");
    let outcome = subject.create_once(&created(2, 6), &key).await;
    assert!(matches!(outcome, Creation::Created(_)), "{outcome:?}");
}

pub(super) async fn old_keys_are_removed_and_others_stay(subject: Subject) {
    for number in 1..=30 {
        let millis = if number > 20 { 1_000 } else { 0 };
        let name = number.to_string();
        subject.create_once(&created(number, millis), &key("user_ada", &name, 1)).await;
    }
    let now = created(99, DAY_MILLIS + 500).created_at();
    let mut removed = 0;
    loop {
        match subject.repository.remove_expired_keys(now).await.expect("it removes") {
            0 => break,
            some => removed += some,
        }
    }
    assert_eq!(removed, 20);
    // Seen from a time at which every key would count, the old ones are gone and the others are there.
    for (name, is_there) in [("1", false), ("20", false), ("21", true), ("30", true)] {
        let outcome = subject.create_once(&created(100, 1), &key("user_ada", name, 2)).await;
        assert_eq!(outcome == Creation::KeyReused, is_there, "{name}: {outcome:?}");
        if let Creation::Created(version) = outcome {
            assert!(subject.delete(100, version).await);
        }
    }
}

pub(super) async fn of_many_with_one_key_at_once_one_creates(subject: Subject) {
    let subject = Arc::new(subject);
    for round in 0..5_u128 {
        let name = format!("key {round}");
        let creates: Vec<_> = (0..16_u128)
            .map(|number| {
                let (subject, key) = (Arc::clone(&subject), key("user_ada", &name, 1));
                let document = created(round * 100 + number + 1, 0);
                tokio::spawn(async move { subject.create_once(&document, &key).await })
            })
            .collect();
        let (mut first, mut repeated) = (Vec::new(), Vec::new());
        for create in creates {
            match create.await.expect("it ends") {
                Creation::Created(version) => first.push(version),
                Creation::Repeated(stored) => repeated.push(stored),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((first.len(), repeated.len()), (1, 15));
        assert!(repeated.iter().all(|stored| first.contains(&stored.version)), "all have the first outcome");
        assert!(repeated.iter().all(|stored| Some(stored) == repeated.first()));
        assert_eq!(subject.export().await.len(), 1 + usize::try_from(round).expect("a small number"));
    }
    let stored = subject.export().await;
    assert_eq!(subject.list("user_ada").await.len(), array([]).len() + stored.join(",").len());
}

pub(super) async fn of_many_with_an_expired_key_at_once_one_creates(subject: Subject) {
    let subject = Arc::new(subject);
    subject.create_once(&created(1, 0), &key("user_ada", "k", 1)).await;
    let late = DAY_MILLIS + 1;
    let remover = {
        let (subject, now) = (Arc::clone(&subject), created(99, late).created_at());
        tokio::spawn(async move { subject.repository.remove_expired_keys(now).await.expect("it removes") })
    };
    let creates: Vec<_> = (2..18_u128)
        .map(|number| {
            let (subject, key) = (Arc::clone(&subject), key("user_ada", "k", 2));
            tokio::spawn(async move { subject.create_once(&created(number, late), &key).await })
        })
        .collect();
    let mut first = 0;
    for create in creates {
        match create.await.expect("it ends") {
            Creation::Created(_) => first += 1,
            Creation::Repeated(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(remover.await.expect("it ends") <= 1, "only the old one is removed");
    assert_eq!(first, 1);
    assert_eq!(subject.export().await.len(), 2);
    let again = subject.create_once(&created(50, late), &key("user_ada", "k", 2)).await;
    assert!(matches!(again, Creation::Repeated(_)), "the new one counts: {again:?}");
}
