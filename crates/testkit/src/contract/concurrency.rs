//! Many at once on the same ICP.

use std::collections::BTreeSet;
use std::sync::Arc;

use icp_domain::{Caller, IcpDocument};
use icp_ports::{Lookup, OnConflict, StoredIcp, Version};

use super::Subject;
use super::support::{array, scope};
use crate::fixtures::{document, icp, user};

const TASKS: u32 = 64;

/// Reads an ICP and writes it with another `leadsPerList`, until nobody came in between.
async fn increment(subject: &Subject) -> Version {
    loop {
        let StoredIcp { version, json, .. } = subject.found(1).await;
        let before = document(&json);
        let mut after = before.to_icp().expect("it is whole");
        after.leads_per_list += 1;
        let after = IcpDocument::from(after);
        if let Some(version) = subject.update(&before, &after, version).await {
            return version;
        }
    }
}

pub(super) async fn no_change_of_64_tasks_is_lost(subject: Subject) {
    subject.create(&icp(1).with("leadsPerList", 0).document()).await;
    let subject = Arc::new(subject);
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let subject = Arc::clone(&subject);
            tokio::spawn(async move { increment(&subject).await })
        })
        .collect();
    let mut versions = BTreeSet::new();
    for task in tasks {
        assert!(versions.insert(task.await.expect("it writes")), "each change has a version of its own");
    }
    let stored = subject.found(1).await;
    let icp = document(&stored.json).to_icp().expect("it is whole");
    assert_eq!(icp.leads_per_list, i64::from(TASKS));
    assert_eq!(versions.last(), Some(&stored.version));
}

pub(super) async fn of_64_changes_to_one_version_one_succeeds(subject: Subject) {
    let before = icp(1).document();
    let version = subject.create(&before).await;
    let subject = Arc::new(subject);
    let tasks: Vec<_> = (0..TASKS)
        .map(|number| {
            let (subject, before) = (Arc::clone(&subject), before.clone());
            tokio::spawn(async move {
                let member = format!("user_{number}");
                let after = icp(1).with("name", member.as_str()).users([member.as_str()]).document();
                subject.update(&before, &after, version).await.map(|_| after)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        winners.extend(task.await.expect("it ends"));
    }
    let [winner] = winners.as_slice() else { panic!("{} have succeeded", winners.len()) };
    assert_eq!(subject.export().await, [winner.json()]);
    for number in 0..TASKS {
        let member = format!("user_{number}");
        let expected = if winner.name() == member { array([winner]) } else { "[]".to_owned() };
        assert_eq!(subject.list(&member).await, expected, "the list of {member}");
    }
}

pub(super) async fn of_64_deletes_one_succeeds(subject: Subject) {
    let version = subject.create(&icp(1).document()).await;
    let subject = Arc::new(subject);
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let subject = Arc::clone(&subject);
            tokio::spawn(async move { subject.delete(1, version).await })
        })
        .collect();
    let mut deleted = 0;
    for task in tasks {
        deleted += u32::from(task.await.expect("it ends"));
    }
    assert_eq!(deleted, 1);
    assert_eq!(subject.look_up(1, &scope("user_ada")).await, Lookup::Absent);
}

pub(super) async fn a_reader_sees_whole_states_only(subject: Subject) {
    // In each state the name says who the other member is.
    let state = |number: u32| {
        let other = format!("user_{}", number % 2);
        icp(1).with("name", other.as_str()).users(["user_ada", other.as_str()]).document()
    };
    let version = subject.create(&state(0)).await;
    let subject = Arc::new(subject);
    let writer = {
        let subject = Arc::clone(&subject);
        tokio::spawn(async move {
            let mut version = version;
            for number in 0..100 {
                let next = subject.update(&state(number), &state(number + 1), version).await;
                version = next.expect("nobody else writes");
            }
        })
    };
    let mut newest = version;
    while !writer.is_finished() {
        let stored = subject.found(1).await;
        assert!(stored.version >= newest, "versions do not go back");
        newest = stored.version;
        for member in ["user_0", "user_1"] {
            let list = subject.list(member).await;
            assert!(list == "[]" || list.contains(&format!(r#""name":"{member}""#)), "{member} sees {list}");
            if let Lookup::Found(seen) = subject.look_up(1, &scope(member)).await {
                assert!(seen.json.contains(&format!(r#""name":"{member}""#)), "{member} sees {}", seen.json);
            }
        }
    }
    writer.await.expect("it writes");
}

pub(super) async fn changes_deletes_and_imports_of_one_icp_leave_it_whole(subject: Subject) {
    let subject = Arc::new(subject);
    let state = |number: u32| {
        let member = format!("user_{number}");
        icp(1).with("name", member.as_str()).users([member.as_str()]).document()
    };
    subject.store([state(0)]).await;
    let tasks: Vec<_> = (1..=48)
        .map(|number| {
            let subject = Arc::clone(&subject);
            tokio::spawn(async move {
                let after = state(number);
                if number % 8 == 0 {
                    subject.import([after], OnConflict::Replace).await.expect("it imports");
                    return;
                }
                let Some((before, version)) = subject.seen().await else { return };
                if number % 7 == 0 {
                    subject.delete(1, version).await;
                } else {
                    subject.update(&before, &after, version).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("it ends");
    }
    let stored = subject.seen().await.map(|(document, _)| document);
    for number in 0..=48 {
        let member = format!("user_{number}");
        let is_theirs = stored.as_ref().filter(|document| document.name() == member);
        let expected = is_theirs.map_or_else(|| "[]".to_owned(), |document| array([document]));
        assert_eq!(subject.list(&member).await, expected, "the list of {member}");
    }
}

impl Subject {
    /// The ICP and its version, if it is there.
    async fn seen(&self) -> Option<(IcpDocument, Version)> {
        let everything = Caller::admin(user("user_root")).access_scope();
        match self.look_up(1, &everything).await {
            Lookup::Found(stored) => Some((document(&stored.json), stored.version)),
            Lookup::Forbidden | Lookup::Absent => None,
        }
    }
}
