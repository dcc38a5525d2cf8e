//! Inserts with an idempotency key.

use icp_domain::{IcpDocument, Timestamp};
use icp_ports::{Creation, IdempotencyKey, RepositoryError, StoredIcp, Version};

use super::support::{TestRepository, concurrently};
use crate::fixtures::{any_creator, icp, id, user};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

fn key(user_id: &str, key: &str, fingerprint: u8) -> IdempotencyKey {
    IdempotencyKey { user_id: user(user_id), key: key.to_owned(), fingerprint: [fingerprint; 32] }
}

/// The time `millis` milliseconds after noon of a fixed day.
fn noon_plus(millis: i64) -> Timestamp {
    let noon: Timestamp = "2024-06-01T12:00:00.000Z".parse().expect("a time");
    Timestamp::from_unix_millis(noon.unix_millis() + millis).expect("a time")
}

/// An ICP that is created at that time.
fn created(number: u128, millis: i64) -> IcpDocument {
    icp(number).created_at(&noon_plus(millis).to_string()).document()
}

fn outcome(document: &IcpDocument, version: Version) -> Creation {
    Creation::Repeated(StoredIcp { id: document.id(), version, json: document.json().to_owned() })
}

#[track_caller]
fn assert_created(creation: &Creation) -> Version {
    match creation {
        Creation::Created(version) => *version,
        other => panic!("the ICP must be created: {other:?}"),
    }
}

pub(super) async fn repeated_insert_returns_first_outcome(repository: TestRepository) {
    let first = created(1, 0);
    let version = assert_created(&repository.insert_once(&first, &key("user_ada", "k", 1)).await);
    assert_eq!(repository.found(1).await.version, version);
    for again in [created(2, 5), created(3, DAY_MILLIS), created(1, 6)] {
        for instance in [repository.clone(), repository.second()] {
            let repeated = instance.insert_once(&again, &key("user_ada", "k", 1)).await;
            assert_eq!(repeated, outcome(&first, version));
        }
    }
    assert_eq!(repository.stored(1..=3).await, [first.json()]);
}

pub(super) async fn repeated_insert_ignores_later_changes(repository: TestRepository) {
    let first = created(1, 0);
    let key = key("user_ada", "k", 1);
    let version = assert_created(&repository.insert_once(&first, &key).await);
    let changed = icp(1).created_at("2024-06-01T12:00:00.000Z").with("name", "changed").document();
    let second = repository.change(&first, &changed, version).await.expect("must be at that version");
    assert_eq!(repository.insert_once(&created(2, 1), &key).await, outcome(&first, version));
    assert!(repository.remove(1, second).await);
    assert_eq!(repository.insert_once(&created(2, 2), &key).await, outcome(&first, version));
    assert!(repository.stored(1..=2).await.is_empty(), "nothing else was created");
}

pub(super) async fn reused_key_with_other_fingerprint_is_reported(repository: TestRepository) {
    let first = created(1, 0);
    repository.insert_once(&first, &key("user_ada", "k", 1)).await;
    let reused = repository.insert_once(&created(2, 1), &key("user_ada", "k", 2)).await;
    assert_eq!(reused, Creation::KeyReused);
    assert_eq!(repository.stored(1..=2).await, [first.json()]);
}

pub(super) async fn keys_belong_to_users_byte_by_byte(repository: TestRepository) {
    let keys = [
        ("user_ada", "k"),
        ("user_bob", "k"),
        ("user_ada", "K"),
        ("user_ada", "k "),
        ("user_ada", " k"),
        ("user_adak", "k"),
        ("user_ad", "ak"),
    ];
    for (number, (user_id, name)) in (1..).zip(keys) {
        let creation = repository.insert_once(&created(number, 0), &key(user_id, name, 1)).await;
        assert!(matches!(creation, Creation::Created(_)), "{user_id} {name:?}: {creation:?}");
    }
    assert_eq!(repository.stored(1..=7).await.len(), keys.len());
}

pub(super) async fn keys_have_up_to_255_characters(repository: TestRepository) {
    let visible: String = (' '..='~').collect();
    let names = ["!".to_owned(), visible, "k".repeat(254), "k".repeat(255), "k".repeat(254) + "l"];
    for (number, name) in (1..).zip(&names) {
        let document = created(number, 0);
        let version = assert_created(&repository.insert_once(&document, &key("user_ada", name, 1)).await);
        let repeated = repository.insert_once(&created(100, 1), &key("user_ada", name, 1)).await;
        assert_eq!(repeated, outcome(&document, version), "{name:?}");
    }
}

pub(super) async fn key_is_valid_for_24_hours(repository: TestRepository) {
    assert_created(&repository.insert_once(&created(1, 0), &key("user_ada", "k", 1)).await);
    let valid = repository.insert_once(&created(2, DAY_MILLIS), &key("user_ada", "k", 2)).await;
    assert_eq!(valid, Creation::KeyReused);
    let late = created(3, DAY_MILLIS + 1);
    let version = assert_created(&repository.insert_once(&late, &key("user_ada", "k", 2)).await);
    let again = repository.insert_once(&created(4, DAY_MILLIS + 2), &key("user_ada", "k", 2)).await;
    assert_eq!(again, outcome(&late, version), "the key now belongs to the later insert");
    assert_eq!(repository.stored(1..=4).await.len(), 2);
}

pub(super) async fn existing_id_is_reported_with_key(repository: TestRepository) {
    let first = created(1, 0);
    repository.insert_one(&first).await;
    let result = repository.insert(&created(1, 5), any_creator(), Some(&key("user_ada", "k", 1))).await;
    assert!(
        matches!(result, Err(RepositoryError::AlreadyExists(existing)) if existing == id(1)),
        "{result:?}"
    );
    assert_eq!(repository.stored([1]).await, [first.json()]);
}

pub(super) async fn failed_insert_does_not_use_up_key(repository: TestRepository) {
    repository.insert_one(&created(1, 0)).await;
    let key = key("user_ada", "k", 1);
    for _ in 0..2 {
        let result = repository.insert(&created(1, 5), any_creator(), Some(&key)).await;
        let in_progress = matches!(result, Ok(Creation::InProgress));
        assert!(in_progress || matches!(result, Err(RepositoryError::AlreadyExists(_))), "{result:?}");
    }
    assert_created(&repository.insert_once(&created(2, 6), &key).await);
}

pub(super) async fn expired_keys_are_free_and_others_valid(repository: TestRepository) {
    let name = |number: u128| number.to_string();
    for number in 1..=30 {
        let millis = if number > 20 { 1_000 } else { 0 };
        let key = key("user_ada", &name(number), 1);
        assert_created(&repository.insert_once(&created(number, millis), &key).await);
    }
    let mut removed = 0;
    loop {
        let now = noon_plus(DAY_MILLIS + 500);
        match repository.remove_expired_keys(now).await.expect("remove_expired_keys failed") {
            0 => break,
            some => removed += some,
        }
    }
    // A storage that expires keys by itself removes none.
    assert!(removed == 0 || removed == 20, "removed {removed} of 20 expired keys");
    for number in [21, 30] {
        let key = key("user_ada", &name(number), 2);
        let reused = repository.insert_once(&created(100, DAY_MILLIS + 500), &key).await;
        assert_eq!(reused, Creation::KeyReused, "key {number} is valid");
    }
    for number in [1, 20] {
        let late = created(100 + number, DAY_MILLIS + 500);
        assert_created(&repository.insert_once(&late, &key("user_ada", &name(number), 2)).await);
    }
}

pub(super) async fn concurrent_inserts_with_one_key_create_once(repository: TestRepository) {
    for round in 0..5_u32 {
        let name = format!("key {round}");
        let number = move |task: u32| u128::from(round * 100 + task + 1);
        let creations = concurrently(16, |task| {
            let repository = if task % 2 == 0 { repository.clone() } else { repository.second() };
            let (document, key) = (created(number(task), 0), key("user_ada", &name, 1));
            async move { repository.insert_once(&document, &key).await }
        })
        .await;
        let (mut first, mut repeated) = (Vec::new(), Vec::new());
        for creation in creations {
            match creation {
                Creation::Created(version) => first.push(version),
                Creation::Repeated(stored) => repeated.push(stored),
                other => panic!("the key was used with one fingerprint: {other:?}"),
            }
        }
        assert_eq!((first.len(), repeated.len()), (1, 15));
        assert!(repeated.iter().all(|stored| first.contains(&stored.version)), "{first:?} {repeated:?}");
        assert!(repeated.iter().all(|stored| Some(stored) == repeated.first()), "{repeated:?}");
        assert_eq!(repository.stored((0..16).map(number)).await.len(), 1);
    }
}

pub(super) async fn concurrent_inserts_with_expired_key_create_once(repository: TestRepository) {
    assert_created(&repository.insert_once(&created(1, 0), &key("user_ada", "k", 1)).await);
    let late = DAY_MILLIS + 1;
    let removal = {
        let repository = repository.clone();
        tokio::spawn(async move { repository.remove_expired_keys(noon_plus(late)).await })
    };
    let creations = concurrently(16, |task| {
        let repository = if task % 2 == 0 { repository.clone() } else { repository.second() };
        let (document, key) = (created(u128::from(task) + 2, late), key("user_ada", "k", 2));
        async move { repository.insert_once(&document, &key).await }
    })
    .await;
    let created_once = creations.iter().filter(|creation| matches!(creation, Creation::Created(_))).count();
    let repeated = creations.iter().filter(|creation| matches!(creation, Creation::Repeated(_))).count();
    assert_eq!((created_once, repeated), (1, 15), "{creations:?}");
    let count = removal.await.expect("the task panicked").expect("remove_expired_keys failed");
    assert!(count <= 1, "{count} keys were removed, and one has expired");
    assert_eq!(repository.stored(1..=17).await.len(), 2);
    let again = repository.insert_once(&created(50, late), &key("user_ada", "k", 2)).await;
    assert!(matches!(again, Creation::Repeated(_)), "the new key is valid: {again:?}");
}
