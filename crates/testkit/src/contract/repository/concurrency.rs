//! Concurrent calls for one ICP.

use std::collections::BTreeSet;
use std::sync::Arc;

use icp_domain::IcpDocument;
use icp_ports::{Creation, Lookup, RepositoryError, StoredIcp, Version};
use tokio::sync::Barrier;

use super::support::{TestRepository, concurrently, json_array, retry_overloaded, user_scope};
use crate::fixtures::{any_creator, document, icp};

const TASKS: u32 = 64;

/// Returns an ICP whose only user is `user_{number}`. The name of the ICP is the ID of this user.
fn owned_by(number: u32) -> IcpDocument {
    let user = format!("user_{number}");
    icp(1).with("name", user.as_str()).users([user.as_str()]).document()
}

/// Returns the instance of the adapter that task `task` uses.
fn instance(repository: &TestRepository, task: u32) -> TestRepository {
    if task.is_multiple_of(2) { repository.clone() } else { repository.second_instance() }
}

/// Adds one to `leadsPerList`. Tries again if another task has changed the ICP. Waits at `all_have_read` before the
/// first write, so that all tasks begin with the same version.
async fn increment(repository: &TestRepository, all_have_read: &Barrier) -> Version {
    let mut stored = repository.must_find(1).await;
    all_have_read.wait().await;
    loop {
        let StoredIcp { version, json, .. } = stored;
        let before = document(&json);
        let mut after = before.to_icp().expect("the document must be an ICP");
        after.leads_per_list += 1;
        if let Some(version) = repository.change(&before, &IcpDocument::from(after), version).await {
            return version;
        }
        stored = repository.must_find(1).await;
    }
}

pub(super) async fn compare_and_swap_loses_no_change(repository: TestRepository) {
    repository.insert_one(&icp(1).with("leadsPerList", 0).document()).await;
    let all_have_read = Arc::new(Barrier::new(TASKS as usize));
    let versions = concurrently(TASKS, |task| {
        let (repository, all_have_read) = (instance(&repository, task), Arc::clone(&all_have_read));
        async move { increment(&repository, &all_have_read).await }
    })
    .await;
    let versions: BTreeSet<_> = versions.into_iter().collect();
    assert_eq!(versions.len(), TASKS as usize, "each change must have its own version");
    let stored = repository.must_find(1).await;
    let icp = document(&stored.json).to_icp().expect("the document must be an ICP");
    assert_eq!(icp.leads_per_list, i64::from(TASKS));
    assert_eq!(versions.last(), Some(&stored.version));
}

pub(super) async fn one_of_64_changes_succeeds(repository: TestRepository) {
    let before = icp(1).document();
    let version = repository.insert_one(&before).await;
    let winners: Vec<_> = concurrently(TASKS, |task| {
        let (repository, before) = (instance(&repository, task), before.clone());
        async move {
            let after = owned_by(task);
            repository.change(&before, &after, version).await.map(|_| after)
        }
    })
    .await
    .into_iter()
    .flatten()
    .collect();
    let [winner] = winners.as_slice() else { panic!("one change must succeed, not {}", winners.len()) };
    assert_eq!(repository.must_find(1).await.json, winner.json());
    for number in 0..TASKS {
        let user = format!("user_{number}");
        let expected = if winner.name() == user { json_array([winner]) } else { "[]".to_owned() };
        assert_eq!(repository.list_json(&user).await, expected, "the list of {user}");
    }
}

pub(super) async fn one_of_64_deletes_succeeds(repository: TestRepository) {
    let version = repository.insert_one(&icp(1).document()).await;
    let deleted = concurrently(TASKS, |task| {
        let repository = instance(&repository, task);
        async move { repository.remove(1, version).await }
    })
    .await;
    assert_eq!(deleted.into_iter().filter(|deleted| *deleted).count(), 1, "one delete must succeed");
    assert_eq!(repository.look_up(1, &user_scope("user_ada")).await, Lookup::Absent);
}

pub(super) async fn one_of_16_inserts_of_id_succeeds(repository: TestRepository) {
    let results = concurrently(16, |task| {
        let (repository, document) = (instance(&repository, task), owned_by(task));
        async move { retry_overloaded(|| repository.insert(&document, any_creator(), None)).await }
    })
    .await;
    let mut winners = Vec::new();
    for (task, result) in (0..).zip(results) {
        match result {
            Ok(Creation::Created(_)) => winners.push(task),
            Err(RepositoryError::AlreadyExists(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    let [winner] = winners.as_slice() else { panic!("one insert must succeed, not {}", winners.len()) };
    assert_eq!(repository.must_find(1).await.json, owned_by(*winner).json());
}

pub(super) async fn readers_see_no_partial_states(repository: TestRepository) {
    // In each state, the name is the ID of the second user.
    let state = |number: u32| {
        let name = format!("user_{}", number % 2);
        icp(1).with("name", name.as_str()).users(["user_ada", name.as_str()]).document()
    };
    let version = repository.insert_one(&state(0)).await;
    let writer = {
        let repository = repository.second_instance();
        tokio::spawn(async move {
            let mut version = version;
            for number in 0..100 {
                let next = repository.change(&state(number), &state(number + 1), version).await;
                version = next.expect("only this task may change the ICP");
            }
        })
    };
    let mut newest = version;
    while !writer.is_finished() {
        let stored = repository.must_find(1).await;
        assert!(stored.version >= newest, "versions must not decrease");
        newest = stored.version;
        for user in ["user_0", "user_1"] {
            let list = repository.list_json(user).await;
            assert!(
                list == "[]" || list.contains(&format!(r#""name":"{user}""#)),
                "{user} must see only the state with its name: {list}"
            );
            if let Lookup::Found(stored) = repository.look_up(1, &user_scope(user)).await {
                assert!(
                    stored.json.contains(&format!(r#""name":"{user}""#)),
                    "{user} must not see {}",
                    stored.json
                );
            }
        }
    }
    writer.await.expect("the writer must not panic");
}

pub(super) async fn concurrent_writes_leave_icp_consistent(repository: TestRepository) {
    repository.insert_one(&owned_by(0)).await;
    concurrently(49, |task| {
        let repository = instance(&repository, task);
        async move {
            let after = owned_by(task);
            let Some(stored) = repository.find(1).await else {
                let inserted = retry_overloaded(|| repository.insert(&after, any_creator(), None)).await;
                assert!(matches!(inserted, Ok(_) | Err(RepositoryError::AlreadyExists(_))), "{inserted:?}");
                return;
            };
            if task % 7 == 0 {
                repository.remove(1, stored.version).await;
            } else {
                repository.change(&document(&stored.json), &after, stored.version).await;
            }
        }
    })
    .await;
    let stored = repository.find(1).await.map(|stored| document(&stored.json));
    for number in 0..49 {
        let user = format!("user_{number}");
        let document_with_name = stored.as_ref().filter(|document| document.name() == user);
        let expected = document_with_name.map_or_else(|| "[]".to_owned(), |document| json_array([document]));
        assert_eq!(repository.list_json(&user).await, expected, "the list of {user}");
    }
}
