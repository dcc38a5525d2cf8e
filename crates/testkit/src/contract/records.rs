//! One ICP: looked up, created, changed and deleted.

use icp_domain::{Caller, IcpDocument};
use icp_ports::{Lookup, OnConflict, StoredIcp, Version};

use super::Subject;
use super::support::{array, change, scope};
use crate::fixtures::{icp, id, user};

pub(super) async fn is_found_by_its_members_and_by_admins(subject: Subject) {
    let document = icp(1).users(["user_ada", "user_bob"]).document();
    let version = subject.create(&document).await;
    let found = Lookup::Found(StoredIcp { id: id(1), version, json: document.json().to_owned() });
    for caller in
        [Caller::user(user("user_ada")), Caller::user(user("user_bob")), Caller::admin(user("user_root"))]
    {
        assert_eq!(subject.look_up(1, &caller.access_scope()).await, found, "as {caller:?}");
        assert_eq!(
            subject.version_of(1, &caller.access_scope()).await,
            Lookup::Found(version),
            "as {caller:?}"
        );
    }
}

pub(super) async fn tells_what_is_forbidden_from_what_is_absent(subject: Subject) {
    subject.create(&icp(1).users(["user_ada"]).document()).await;
    for stranger in ["user_bob", "user_ad", "user_adaa", "USER_ADA", "user_ada ", "' OR '1'='1", "%"] {
        assert_eq!(subject.look_up(1, &scope(stranger)).await, Lookup::Forbidden, "as {stranger:?}");
        assert_eq!(subject.version_of(1, &scope(stranger)).await, Lookup::Forbidden, "as {stranger:?}");
        assert_eq!(subject.look_up(2, &scope(stranger)).await, Lookup::Absent);
    }
    let root = Caller::admin(user("user_root")).access_scope();
    assert_eq!(subject.look_up(2, &root).await, Lookup::Absent);
    assert_eq!(subject.version_of(2, &root).await, Lookup::Absent);
}

pub(super) async fn without_users_is_for_admins_alone(subject: Subject) {
    subject.store([icp(1).users([]).document()]).await;
    assert_eq!(subject.look_up(1, &scope("user_ada")).await, Lookup::Forbidden);
    let root = Caller::admin(user("user_root")).access_scope();
    assert!(matches!(subject.look_up(1, &root).await, Lookup::Found(_)));
}

pub(super) async fn serves_the_text_that_was_stored(subject: Subject) {
    let odd = icp(1).with("colour", "red").with("name", "Ä 🦀 שלום e\u{301} \u{2028}").document();
    subject.store([odd.clone()]).await;
    assert_eq!(subject.found(1).await.json, odd.json());
}

pub(super) async fn is_listed_once_created(subject: Subject) {
    let document = icp(1).users(["user_ada", "user_bob"]).document();
    subject.create(&document).await;
    for member in ["user_ada", "user_bob"] {
        assert_eq!(subject.list(member).await, array([&document]));
    }
    assert_eq!(subject.export().await, [document.json()]);
}

pub(super) async fn is_not_created_twice(subject: Subject) {
    let first = icp(1).document();
    subject.create(&first).await;
    let second = icp(1).with("name", "second").users(["user_bob"]).document();
    assert!(subject.repository.create(&second).await.is_err());
    assert_eq!(subject.export().await, [first.json()]);
    assert_eq!(subject.list("user_bob").await, "[]");
}

pub(super) async fn changes_at_the_version_that_was_read(subject: Subject) {
    let before = icp(1).users(["user_ada", "user_bob", "user_cleo"]).document();
    let first = subject.create(&before).await;
    let after = icp(1).with("name", "after").users(["user_bob", "user_dan", "user_ada"]).document();
    let second = subject.update(&before, &after, first).await.expect("it is at that version");
    assert!(second > first, "versions grow: {first} {second}");
    assert_eq!(
        subject.found(1).await,
        StoredIcp { id: id(1), version: second, json: after.json().to_owned() }
    );
    for member in ["user_ada", "user_bob", "user_dan"] {
        assert_eq!(subject.list(member).await, array([&after]), "the list of {member}");
    }
    assert_eq!(subject.list("user_cleo").await, "[]", "who left");
    assert_eq!(subject.look_up(1, &scope("user_cleo")).await, Lookup::Forbidden);
}

pub(super) async fn does_not_change_at_another_version(subject: Subject) {
    let before = icp(1).document();
    let first = subject.create(&before).await;
    let after = icp(1).with("name", "after").users(["user_ada", "user_bob"]).document();
    let second = subject.update(&before, &after, first).await.expect("it is at that version");
    let late = icp(1).with("name", "late").users(["user_eve"]).document();
    for stale in [first, Version::from(second.number() + 1), Version::from(0), Version::from(i64::MAX)] {
        assert_eq!(subject.update(&before, &late, stale).await, None, "at {stale}");
        assert!(!subject.delete(1, stale).await, "at {stale}");
    }
    assert_eq!(subject.found(1).await.version, second);
    assert_eq!(subject.export().await, [after.json()]);
    assert_eq!(subject.list("user_eve").await, "[]");
    assert_eq!(subject.list("user_bob").await, array([&after]));
}

pub(super) async fn is_gone_once_deleted(subject: Subject) {
    let kept = icp(2).document();
    let version = subject.create(&icp(1).users(["user_ada", "user_bob"]).document()).await;
    subject.create(&kept).await;
    assert!(subject.delete(1, version).await);
    assert_eq!(subject.look_up(1, &scope("user_ada")).await, Lookup::Absent);
    assert_eq!(subject.list("user_ada").await, array([&kept]));
    assert_eq!(subject.list("user_bob").await, "[]");
    assert_eq!(subject.export().await, [kept.json()]);
    assert!(!subject.delete(1, version).await, "it is gone");
    let change = (icp(1).document(), icp(1).with("name", "after").document());
    assert_eq!(subject.update(&change.0, &change.1, version).await, None, "it is gone");
    assert_eq!(subject.export().await, [kept.json()]);
}

pub(super) async fn takes_another_version_with_every_import(subject: Subject) {
    let states: Vec<_> =
        (1..=4).map(|state| icp(1).with("name", format!("state {state}")).document()).collect();
    let mut versions = Vec::new();
    for state in &states {
        subject.import([state.clone()], OnConflict::Replace).await.expect("it imports");
        versions.push(subject.found(1).await.version);
    }
    assert!(versions.is_sorted_by(|before, after| before < after), "versions grow: {versions:?}");
    subject.import([icp(1).document()], OnConflict::Skip).await.expect("it imports");
    assert_eq!(Some(&subject.found(1).await.version), versions.last(), "nothing was changed");
}

pub(super) async fn goes_on_above_its_old_versions_when_it_comes_back(subject: Subject) {
    let (one, other) = (icp(1).document(), icp(1).with("name", "other").document());
    subject.store([one.clone()]).await;
    let mut last = subject.found(1).await.version;
    for _ in 0..20 {
        let changed = subject.update(&one, &other, last).await.expect("it is at that version");
        assert!(changed > last, "a change: {last} {changed}");
        assert!(subject.delete(1, changed).await);
        subject.store([one.clone()]).await;
        last = subject.found(1).await.version;
        assert!(last > changed, "an import: {changed} {last}");
    }
}

pub(super) async fn takes_thousands_of_users_in_and_out(subject: Subject) {
    let users =
        |range: std::ops::Range<usize>| range.map(|number| format!("user_{number}")).collect::<Vec<_>>();
    let (few, many) = (icp(1).document(), icp(1).with("userIds", users(0..10_000)).document());
    let others: IcpDocument = icp(1).with("userIds", users(9_000..19_000)).document();
    let mut version = subject.create(&few).await;
    for (before, after) in [(&few, &many), (&many, &others), (&others, &few)] {
        let change = change(before, after);
        version =
            subject.repository.update(&change, version).await.expect("it writes").expect("at its version");
        for (user, document) in [("user_0", &many), ("user_9500", after), ("user_ada", &few)] {
            let expected = if after.members().contains(&crate::fixtures::user(user)) {
                array([after])
            } else {
                "[]".to_owned()
            };
            assert_eq!(subject.list(user).await, expected, "{user} {}", document.name());
        }
    }
}
