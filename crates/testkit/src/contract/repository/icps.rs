//! Reads, inserts, changes and deletes of one ICP.

use icp_domain::Caller;
use icp_ports::{Lookup, Quota, Replacement, RepositoryError, StoredIcp, Version};

use super::support::{TestRepository, admin_scope, change, json_array, user_scope};
use crate::fixtures::{any_creator, icp, id, stamp_without_history, user};

pub(super) async fn only_users_and_admins_can_get_icp(repository: TestRepository) {
    let document = icp(1).users(["user_ada", "user_bob"]).document();
    let version = repository.insert_one(&document).await;
    let expected = Lookup::Found(StoredIcp { id: id(1), version, json: document.json().to_owned() });
    for caller in
        [Caller::user(user("user_ada")), Caller::user(user("user_bob")), Caller::admin(user("user_root"))]
    {
        assert_eq!(repository.look_up(1, &caller.access_scope()).await, expected, "as {caller:?}");
    }
}

pub(super) async fn forbidden_differs_from_absent(repository: TestRepository) {
    repository.insert_one(&icp(1).users(["user_ada"]).document()).await;
    let callers_without_access =
        ["user_bob", "user_ad", "user_adaa", "USER_ADA", "user_ada ", "user_ada\0", "' OR '1'='1", "%"];
    for user_id in callers_without_access {
        assert_eq!(repository.look_up(1, &user_scope(user_id)).await, Lookup::Forbidden, "as {user_id:?}");
        assert_eq!(repository.look_up(2, &user_scope(user_id)).await, Lookup::Absent, "as {user_id:?}");
    }
    assert_eq!(repository.look_up(2, &admin_scope()).await, Lookup::Absent);
}

pub(super) async fn icp_without_user_ids_is_only_for_admins(repository: TestRepository) {
    repository.insert_all([icp(1).users([]).document()]).await;
    assert_eq!(repository.look_up(1, &user_scope("user_ada")).await, Lookup::Forbidden);
    assert!(matches!(repository.look_up(1, &admin_scope()).await, Lookup::Found(_)));
}

pub(super) async fn returns_stored_text(repository: TestRepository) {
    let document = icp(1).with("colour", "red").with("name", "Ä 🦀 שלום e\u{301} \u{2028}").document();
    repository.insert_all([document.clone()]).await;
    assert_eq!(repository.must_find(1).await.json, document.json());
}

pub(super) async fn inserted_icp_is_listed(repository: TestRepository) {
    let document = icp(1).users(["user_ada", "user_bob"]).document();
    repository.insert_one(&document).await;
    for reader in [repository.clone(), repository.second_instance()] {
        for user in ["user_ada", "user_bob"] {
            assert_eq!(reader.list_json(user).await, json_array([&document]));
        }
        assert_eq!(reader.must_find(1).await.json, document.json());
    }
}

pub(super) async fn second_insert_of_id_already_exists(repository: TestRepository) {
    let first = icp(1).document();
    let version = repository.insert_one(&first).await;
    let second = icp(1).with("name", "second").users(["user_bob"]).document();
    let result = repository.insert(&second, any_creator(), None).await;
    assert!(
        matches!(result, Err(RepositoryError::AlreadyExists(existing)) if existing == id(1)),
        "{result:?}"
    );
    let stored = StoredIcp { id: id(1), version, json: first.json().to_owned() };
    assert_eq!(repository.must_find(1).await, stored);
    assert_eq!(repository.list_json("user_bob").await, "[]");
}

pub(super) async fn replace_succeeds_at_expected_version(repository: TestRepository) {
    let before = icp(1).users(["user_ada", "user_bob", "user_cleo"]).document();
    let first = repository.insert_one(&before).await;
    let after = icp(1).with("name", "after").users(["user_bob", "user_dan", "user_ada"]).document();
    let second =
        repository.change(&before, &after, first).await.expect("the ICP must have the expected version");
    assert!(second > first, "the change must increase the version from {first}: {second}");
    let stored = StoredIcp { id: id(1), version: second, json: after.json().to_owned() };
    assert_eq!(repository.must_find(1).await, stored);
    for user in ["user_ada", "user_bob", "user_dan"] {
        assert_eq!(repository.list_json(user).await, json_array([&after]), "the list of {user}");
    }
    assert_eq!(
        repository.list_json("user_cleo").await,
        "[]",
        "the list must not contain the ICP after the access was revoked"
    );
    assert_eq!(repository.look_up(1, &user_scope("user_cleo")).await, Lookup::Forbidden);
}

pub(super) async fn writes_fail_at_other_version(repository: TestRepository) {
    let before = icp(1).document();
    let first = repository.insert_one(&before).await;
    let after = icp(1).with("name", "after").users(["user_ada", "user_bob"]).document();
    let second =
        repository.change(&before, &after, first).await.expect("the ICP must have the expected version");
    let conflicting = icp(1).with("name", "late").users(["user_eve"]).document();
    for stale in [first, Version(second.0 + 1), Version(0), Version(i64::MAX)] {
        assert_eq!(repository.change(&before, &conflicting, stale).await, None, "at {stale}");
        assert!(!repository.remove(1, stale).await, "at {stale}");
    }
    let stored = StoredIcp { id: id(1), version: second, json: after.json().to_owned() };
    assert_eq!(repository.must_find(1).await, stored);
    assert_eq!(repository.list_json("user_eve").await, "[]");
    assert_eq!(repository.list_json("user_bob").await, json_array([&after]));
}

pub(super) async fn deleted_icp_is_absent_and_cannot_change(repository: TestRepository) {
    let remaining = icp(2).document();
    let version = repository.insert_one(&icp(1).users(["user_ada", "user_bob"]).document()).await;
    repository.insert_one(&remaining).await;
    assert!(repository.remove(1, version).await);
    for reader in [repository.clone(), repository.second_instance()] {
        assert_eq!(reader.look_up(1, &user_scope("user_ada")).await, Lookup::Absent);
        assert_eq!(reader.list_json("user_ada").await, json_array([&remaining]));
        assert_eq!(reader.list_json("user_bob").await, "[]");
    }
    assert!(!repository.remove(1, version).await, "a deleted ICP must not be deleted again");
    let change = change(&icp(1).document(), &icp(1).with("name", "after").document());
    assert_eq!(
        repository
            .replace(&change, version, Quota::UNLIMITED, stamp_without_history())
            .await
            .expect("replace failed"),
        Replacement::OtherVersion,
        "a deleted ICP must not be changed"
    );
    assert_eq!(repository.stored_texts(1..=2).await, [remaining.json()]);
}

pub(super) async fn version_grows_after_delete_and_insert(repository: TestRepository) {
    let (original, renamed) = (icp(1).document(), icp(1).with("name", "other").document());
    let mut last = repository.insert_one(&original).await;
    for _ in 0..20 {
        let changed = repository
            .change(&original, &renamed, last)
            .await
            .expect("the ICP must have the expected version");
        assert!(changed > last, "the change must increase the version from {last}: {changed}");
        assert!(repository.remove(1, changed).await);
        last = repository.second_instance().insert_one(&original).await;
        assert!(last > changed, "the insert must increase the version from {changed}: {last}");
    }
}

pub(super) async fn replace_accepts_ten_thousand_user_ids(repository: TestRepository) {
    const USERS: usize = icp_domain::limits::USERS;
    let users =
        |range: std::ops::Range<usize>| range.map(|number| format!("user_{number}")).collect::<Vec<_>>();
    let (with_one_user, with_many_users) =
        (icp(1).document(), icp(1).with("userIds", users(0..USERS)).document());
    let with_other_users = icp(1).with("userIds", users(USERS - 1_000..2 * USERS - 1_000)).document();
    let retained = format!("user_{}", USERS - 500);
    let mut version = repository.insert_one(&with_one_user).await;
    for (before, after) in [
        (&with_one_user, &with_many_users),
        (&with_many_users, &with_other_users),
        (&with_other_users, &with_one_user),
    ] {
        version =
            repository.change(before, after, version).await.expect("the ICP must have the expected version");
        for name in ["user_0", &retained, "user_ada"] {
            let is_member = after.user_ids().contains(&user(name));
            let expected = if is_member { json_array([after]) } else { "[]".to_owned() };
            assert!(repository.list_json(name).await == expected, "the list of {name}");
        }
    }
}
