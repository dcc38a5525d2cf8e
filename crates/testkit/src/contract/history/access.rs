//! Access to histories.

use icp_domain::{AccessScope, Caller};
use icp_ports::Lookup;

use super::support::{TestHistory, all_revisions_query, stamp_at, time_at};
use crate::contract::repository::support::{admin_scope, user_scope};
use crate::fixtures::{icp, id, user};

/// Returns the number of revisions of ICP 1 that are visible in a scope. Checks that [`TestHistory::read_revision`]
/// allows the same access.
async fn count_visible_revisions(history: &TestHistory, scope: &AccessScope) -> Lookup<usize> {
    let page = history.read_page(1, scope, &all_revisions_query()).await.map(|page| page.revisions);
    if let Lookup::Found(revisions) = &page {
        for revision in revisions {
            let found = history.read_revision(1, revision.version, scope, stamp_at(0).at).await;
            assert!(matches!(found, Lookup::Found(Some(_))), "{revision:?}: {found:?}");
        }
    } else {
        for revision in history.all_revisions(1).await {
            let found = history.read_revision(1, revision.version, scope, stamp_at(0).at).await;
            assert_eq!(found, page.clone().map(|_| None), "{revision:?}");
        }
    }
    page.map(|revisions| revisions.len())
}

pub(super) async fn history_access_follows_current_users(history: TestHistory) {
    let before = icp(1).users(["user_ada", "user_bob"]).document();
    let after = icp(1).users(["user_ada", "user_cleo"]).document();
    let version = history.insert_one(&before).await;
    history.edit(&before, &after, version, &stamp_at(1)).await;
    assert_eq!(count_visible_revisions(&history, &user_scope("user_ada")).await, Lookup::Found(2));
    assert_eq!(
        count_visible_revisions(&history, &user_scope("user_cleo")).await,
        Lookup::Found(2),
        "a new user must see the complete history"
    );
    assert_eq!(
        count_visible_revisions(&history, &user_scope("user_bob")).await,
        Lookup::Forbidden,
        "a former user must see no history"
    );
    assert_eq!(count_visible_revisions(&history, &user_scope("user_eve")).await, Lookup::Forbidden);
    assert_eq!(count_visible_revisions(&history, &admin_scope()).await, Lookup::Found(2));
}

pub(super) async fn history_access_of_deleted_icp_follows_last_users(history: TestHistory) {
    let before = icp(1).users(["user_ada", "user_bob"]).document();
    let after = icp(1).users(["user_ada", "user_cleo"]).document();
    let version = history.insert_one(&before).await;
    let version = history.edit(&before, &after, version, &stamp_at(1)).await;
    history.erase(1, version, &stamp_at(2)).await;
    for (name, is_user) in [("user_ada", true), ("user_cleo", true), ("user_bob", false), ("user_eve", false)]
    {
        let expected = if is_user { Lookup::Found(3) } else { Lookup::Forbidden };
        assert_eq!(count_visible_revisions(&history, &user_scope(name)).await, expected, "{name}");
        let listed = if is_user { vec![id(1)] } else { Vec::new() };
        assert_eq!(history.deleted_ids(&user_scope(name)).await, listed, "{name}");
    }
    assert_eq!(count_visible_revisions(&history, &admin_scope()).await, Lookup::Found(3));
    assert_eq!(history.deleted_ids(&admin_scope()).await, [id(1)]);
}

/// Inserts an ICP for each pair of sets of users, changes its users from the first set to the second, and then deletes
/// it. Compares the access after the changes and after the delete with [`Caller::may_access`].
pub(super) async fn agrees_with_access_rule(history: TestHistory) {
    let names = ["user_ada", "user_bob"];
    let users_in_mask = |mask: usize| -> Vec<_> {
        (0..names.len()).filter(|bit| mask & (1 << bit) != 0).map(|bit| names[bit]).collect()
    };
    let callers =
        [Caller::user(user("user_ada")), Caller::user(user("user_bob")), Caller::admin(user("root"))];
    for (number, masks) in (1..).zip((0..16).map(|both| [both & 3, both >> 2])) {
        let [first, last] = masks.map(|mask| icp(number).with("userIds", users_in_mask(mask)).document());
        let renamed = icp(number).with("userIds", users_in_mask(masks[1])).with("name", "changed").document();
        let version = history.insert_one(&first).await;
        let version = history.edit(&first, &renamed, version, &stamp_at(1)).await;
        let version = history.edit(&renamed, &last, version, &stamp_at(2)).await;
        for is_deleted in [false, true] {
            if is_deleted {
                history.erase(number, version, &stamp_at(3)).await;
            }
            for caller in &callers {
                let scope = caller.access_scope();
                let may_access = caller.may_access(last.user_ids());
                let found = history.read_page(number, &scope, &all_revisions_query()).await;
                assert_eq!(matches!(found, Lookup::Found(_)), may_access, "{caller:?} {masks:?}");
                let found = history.read_revision(number, version, &scope, time_at(0)).await;
                assert_eq!(matches!(found, Lookup::Found(Some(_))), may_access, "{caller:?} {masks:?}");
                let is_listed = history.deleted_ids(&scope).await.contains(&id(number));
                assert_eq!(is_listed, may_access && is_deleted, "{caller:?} {masks:?}");
            }
        }
    }
}

pub(super) async fn odd_user_ids_have_no_access(history: TestHistory) {
    let existing_version = history.insert_one(&icp(1).document()).await;
    let version = history.insert_one(&icp(2).document()).await;
    history.erase(2, version, &stamp_at(1)).await;
    for name in ["\0", "user_ada\0", "' OR '1'='1", "%", "USER_ADA"] {
        assert_eq!(
            history.read_page(1, &user_scope(name), &all_revisions_query()).await,
            Lookup::Forbidden,
            "{name:?}"
        );
        assert_eq!(
            history.read_page(2, &user_scope(name), &all_revisions_query()).await,
            Lookup::Forbidden,
            "{name:?}"
        );
        let found = history.read_revision(1, existing_version, &user_scope(name), time_at(0)).await;
        assert_eq!(found, Lookup::Forbidden, "{name:?}");
        assert!(history.deleted_ids(&user_scope(name)).await.is_empty(), "{name:?}");
    }
}
