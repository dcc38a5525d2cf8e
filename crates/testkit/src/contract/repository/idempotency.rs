//! Inserts with an idempotency key.

use icp_domain::{IcpDocument, Timestamp};
use icp_ports::{Creation, IdempotencyKey, Quota, RepositoryError, StoredIcp, Version};

use super::support::{TestRepository, concurrently};
use crate::fixtures::{self, any_creator, icp, id};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

fn key(key: &str, fingerprint: u8) -> IdempotencyKey {
    IdempotencyKey { key: key.to_owned(), fingerprint: [fingerprint; 32] }
}

/// Returns the time that is `millis` milliseconds after noon of a fixed day.
fn noon_plus(millis: i64) -> Timestamp {
    let noon: Timestamp = "2024-06-01T12:00:00.000Z".parse().expect("the time must be valid");
    Timestamp::from_unix_millis(noon.unix_millis() + millis).expect("the time must be valid")
}

/// Returns an ICP that is created `millis` milliseconds after noon.
fn icp_created_at(number: u128, millis: i64) -> IcpDocument {
    icp(number).created_at(&noon_plus(millis).to_string()).document()
}

/// Returns the outcome of a repeated insert if the first insert stored `document`.
fn repeated_outcome(document: &IcpDocument, version: Version) -> Creation {
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
    let first = icp_created_at(1, 0);
    let version = assert_created(&repository.insert_once(&first, &key("k", 1)).await);
    assert_eq!(repository.must_find(1).await.version, version);
    for repeated_document in [icp_created_at(2, 5), icp_created_at(3, DAY_MILLIS), icp_created_at(1, 6)] {
        for instance in [repository.clone(), repository.second_instance()] {
            let outcome = instance.insert_once(&repeated_document, &key("k", 1)).await;
            assert_eq!(outcome, repeated_outcome(&first, version));
        }
    }
    assert_eq!(repository.stored_texts(1..=3).await, [first.json()]);
}

pub(super) async fn repeated_insert_ignores_later_changes(repository: TestRepository) {
    let first = icp_created_at(1, 0);
    let key = key("k", 1);
    let version = assert_created(&repository.insert_once(&first, &key).await);
    let changed = icp(1).created_at("2024-06-01T12:00:00.000Z").with("name", "changed").document();
    let second =
        repository.change(&first, &changed, version).await.expect("the ICP must have the expected version");
    assert_eq!(repository.insert_once(&icp_created_at(2, 1), &key).await, repeated_outcome(&first, version));
    assert!(repository.remove(1, second).await);
    assert_eq!(repository.insert_once(&icp_created_at(2, 2), &key).await, repeated_outcome(&first, version));
    assert!(repository.stored_texts(1..=2).await.is_empty(), "the repeated inserts must not create ICPs");
}

pub(super) async fn reused_key_with_other_fingerprint_is_reported(repository: TestRepository) {
    let first = icp_created_at(1, 0);
    repository.insert_once(&first, &key("k", 1)).await;
    let reused = repository.insert_once(&icp_created_at(2, 1), &key("k", 2)).await;
    assert_eq!(reused, Creation::KeyReused);
    assert_eq!(repository.stored_texts(1..=2).await, [first.json()]);
}

pub(super) async fn keys_belong_to_users_byte_by_byte(repository: TestRepository) {
    let keys = [
        ("user_ada", "k"),
        ("user_bob", "k"),
        ("USER_ADA", "k"),
        ("user_ada", "K"),
        ("user_ada", "k "),
        ("user_ada", " k"),
        ("user_adak", "k"),
        ("user_ad", "ak"),
    ];
    let insert = async |number: u128, (user_id, name): (&str, &str)| {
        let creator = fixtures::creator(user_id, Quota::UNLIMITED);
        repository.insert_once_by(&creator, &icp_created_at(number, 0), &key(name, 1)).await
    };
    for (number, used) in (1..).zip(keys) {
        let creation = insert(number, used).await;
        assert!(matches!(creation, Creation::Created(_)), "{used:?} must be unused: {creation:?}");
    }
    for (number, used) in (1..).zip(keys) {
        let creation = insert(100, used).await;
        let is_repeated = matches!(&creation, Creation::Repeated(icp) if icp.id == id(number));
        assert!(is_repeated, "{used:?} must return ICP {number}: {creation:?}");
    }
}

pub(super) async fn keys_have_up_to_255_characters(repository: TestRepository) {
    let visible: String = (' '..='~').collect();
    let names = ["!".to_owned(), visible, "k".repeat(254), "k".repeat(255), "k".repeat(254) + "l"];
    for (number, name) in (1..).zip(&names) {
        let document = icp_created_at(number, 0);
        let version = assert_created(&repository.insert_once(&document, &key(name, 1)).await);
        let repeated = repository.insert_once(&icp_created_at(100, 1), &key(name, 1)).await;
        assert_eq!(repeated, repeated_outcome(&document, version), "{name:?}");
    }
}

pub(super) async fn key_is_valid_for_24_hours(repository: TestRepository) {
    assert_created(&repository.insert_once(&icp_created_at(1, 0), &key("k", 1)).await);
    let valid = repository.insert_once(&icp_created_at(2, DAY_MILLIS), &key("k", 2)).await;
    assert_eq!(valid, Creation::KeyReused);
    let after_expiry = icp_created_at(3, DAY_MILLIS + 1);
    let version = assert_created(&repository.insert_once(&after_expiry, &key("k", 2)).await);
    let outcome = repository.insert_once(&icp_created_at(4, DAY_MILLIS + 2), &key("k", 2)).await;
    assert_eq!(
        outcome,
        repeated_outcome(&after_expiry, version),
        "the key must now belong to the later insert"
    );
    assert_eq!(repository.stored_texts(1..=4).await.len(), 2);
}

pub(super) async fn existing_id_is_reported_with_key(repository: TestRepository) {
    let first = icp_created_at(1, 0);
    repository.insert_one(&first).await;
    let result = repository.insert(&icp_created_at(1, 5), any_creator(), Some(&key("k", 1))).await;
    assert!(
        matches!(result, Err(RepositoryError::AlreadyExists(existing)) if existing == id(1)),
        "{result:?}"
    );
    assert_eq!(repository.stored_texts([1]).await, [first.json()]);
}

pub(super) async fn failed_insert_does_not_use_up_key(repository: TestRepository) {
    repository.insert_one(&icp_created_at(1, 0)).await;
    let key = key("k", 1);
    for _ in 0..2 {
        let result = repository.insert(&icp_created_at(1, 5), any_creator(), Some(&key)).await;
        let in_progress = matches!(result, Ok(Creation::InProgress));
        assert!(in_progress || matches!(result, Err(RepositoryError::AlreadyExists(_))), "{result:?}");
    }
    assert_created(&repository.insert_once(&icp_created_at(2, 6), &key).await);
}

pub(super) async fn expired_keys_can_be_reused(repository: TestRepository) {
    let name = |number: u128| number.to_string();
    for number in 1..=30 {
        let millis = if number > 20 { 1_000 } else { 0 };
        let key = key(&name(number), 1);
        assert_created(&repository.insert_once(&icp_created_at(number, millis), &key).await);
    }
    let mut removed = 0;
    loop {
        let now = noon_plus(DAY_MILLIS + 500);
        match repository.remove_expired_keys(now).await.expect("the expired keys must be removed") {
            0 => break,
            count => removed += count,
        }
    }
    // A storage that expires keys itself removes no keys in this call.
    assert!(removed == 0 || removed == 20, "must remove all 20 expired keys or none, not {removed}");
    for number in [21, 30] {
        let key = key(&name(number), 2);
        let reused = repository.insert_once(&icp_created_at(100, DAY_MILLIS + 500), &key).await;
        assert_eq!(reused, Creation::KeyReused, "key {number} must still be valid");
    }
    for number in [1, 20] {
        let late = icp_created_at(100 + number, DAY_MILLIS + 500);
        assert_created(&repository.insert_once(&late, &key(&name(number), 2)).await);
    }
}

pub(super) async fn concurrent_inserts_with_one_key_create_once(repository: TestRepository) {
    for round in 0..5_u32 {
        let name = format!("key {round}");
        let number = move |task: u32| u128::from(round * 100 + task + 1);
        let creations = concurrently(16, |task| {
            let repository = if task % 2 == 0 { repository.clone() } else { repository.second_instance() };
            let (document, key) = (icp_created_at(number(task), 0), key(&name, 1));
            async move { repository.insert_once(&document, &key).await }
        })
        .await;
        let (mut created_versions, mut repeated) = (Vec::new(), Vec::new());
        for creation in creations {
            match creation {
                Creation::Created(version) => created_versions.push(version),
                Creation::Repeated(stored) => repeated.push(stored),
                other => panic!("all inserts use the same key and fingerprint: {other:?}"),
            }
        }
        assert_eq!((created_versions.len(), repeated.len()), (1, 15));
        assert!(
            repeated.iter().all(|stored| created_versions.contains(&stored.version)),
            "{created_versions:?} {repeated:?}"
        );
        assert!(repeated.iter().all(|stored| Some(stored) == repeated.first()), "{repeated:?}");
        assert_eq!(repository.stored_texts((0..16).map(number)).await.len(), 1);
    }
}

pub(super) async fn concurrent_inserts_with_expired_key_create_once(repository: TestRepository) {
    assert_created(&repository.insert_once(&icp_created_at(1, 0), &key("k", 1)).await);
    let late = DAY_MILLIS + 1;
    let removal = {
        let repository = repository.clone();
        tokio::spawn(async move { repository.remove_expired_keys(noon_plus(late)).await })
    };
    let creations = concurrently(16, |task| {
        let repository = if task % 2 == 0 { repository.clone() } else { repository.second_instance() };
        let (document, key) = (icp_created_at(u128::from(task) + 2, late), key("k", 2));
        async move { repository.insert_once(&document, &key).await }
    })
    .await;
    let created_once = creations.iter().filter(|creation| matches!(creation, Creation::Created(_))).count();
    let repeated = creations.iter().filter(|creation| matches!(creation, Creation::Repeated(_))).count();
    assert_eq!((created_once, repeated), (1, 15), "{creations:?}");
    let count = removal.await.expect("the task must not panic").expect("the expired keys must be removed");
    assert!(count <= 1, "must remove at most the expired key, not {count} keys");
    assert_eq!(repository.stored_texts(1..=17).await.len(), 2);
    let outcome = repository.insert_once(&icp_created_at(50, late), &key("k", 2)).await;
    assert!(matches!(outcome, Creation::Repeated(_)), "the new key must be valid: {outcome:?}");
}
