//! Access to histories.

use icp_domain::{AccessScope, Caller};
use icp_ports::Lookup;

use super::support::{TestHistory, all, at, second};
use crate::contract::repository::support::{admin, scope};
use crate::fixtures::{icp, id, user};

/// Returns the number of revisions of ICP 1 that a scope contains.
async fn sees(history: &TestHistory, scope: &AccessScope) -> Lookup<usize> {
    let page = history.page(1, scope, &all()).await.map(|page| page.revisions);
    if let Lookup::Found(revisions) = &page {
        for revision in revisions {
            let found = history.look_at(1, revision.version, scope, at(0).at).await;
            assert!(matches!(found, Lookup::Found(Some(_))), "{revision:?}: {found:?}");
        }
    } else {
        for revision in history.history(1).await {
            let found = history.look_at(1, revision.version, scope, at(0).at).await;
            assert_eq!(found, page.clone().map(|_| None), "{revision:?}");
        }
    }
    page.map(|revisions| revisions.len())
}

pub(super) async fn history_access_follows_current_users(history: TestHistory) {
    let before = icp(1).users(["user_ada", "user_bob"]).document();
    let after = icp(1).users(["user_ada", "user_cleo"]).document();
    let version = history.insert_one(&before).await;
    history.edit(&before, &after, version, &at(1)).await;
    assert_eq!(sees(&history, &scope("user_ada")).await, Lookup::Found(2));
    assert_eq!(sees(&history, &scope("user_cleo")).await, Lookup::Found(2), "the complete history");
    assert_eq!(sees(&history, &scope("user_bob")).await, Lookup::Forbidden, "he was a user");
    assert_eq!(sees(&history, &scope("user_eve")).await, Lookup::Forbidden);
    assert_eq!(sees(&history, &admin()).await, Lookup::Found(2));
}

pub(super) async fn history_access_of_deleted_icp_follows_last_users(history: TestHistory) {
    let before = icp(1).users(["user_ada", "user_bob"]).document();
    let after = icp(1).users(["user_ada", "user_cleo"]).document();
    let version = history.insert_one(&before).await;
    let version = history.edit(&before, &after, version, &at(1)).await;
    history.erase(1, version, &at(2)).await;
    for (name, is_user) in [("user_ada", true), ("user_cleo", true), ("user_bob", false), ("user_eve", false)]
    {
        let expected = if is_user { Lookup::Found(3) } else { Lookup::Forbidden };
        assert_eq!(sees(&history, &scope(name)).await, expected, "{name}");
        let listed = if is_user { vec![id(1)] } else { Vec::new() };
        assert_eq!(history.deleted_ids(&scope(name)).await, listed, "{name}");
    }
    assert_eq!(sees(&history, &admin()).await, Lookup::Found(3));
    assert_eq!(history.deleted_ids(&admin()).await, [id(1)]);
}

/// Three states of an ICP with every choice of users, and then a delete: at each point, the port agrees with the rule.
pub(super) async fn agrees_with_access_rule(history: TestHistory) {
    let names = ["user_ada", "user_bob"];
    let chosen = |mask: usize| -> Vec<_> {
        (0..names.len()).filter(|bit| mask & (1 << bit) != 0).map(|bit| names[bit]).collect()
    };
    let callers =
        [Caller::user(user("user_ada")), Caller::user(user("user_bob")), Caller::admin(user("root"))];
    for (number, masks) in (1..).zip((0..16).map(|both| [both & 3, both >> 2])) {
        let [first, last] = masks.map(|mask| icp(number).with("userIds", chosen(mask)).document());
        let renamed = icp(number).with("userIds", chosen(masks[1])).with("name", "changed").document();
        let version = history.insert_one(&first).await;
        let version = history.edit(&first, &renamed, version, &at(1)).await;
        let version = history.edit(&renamed, &last, version, &at(2)).await;
        for is_deleted in [false, true] {
            if is_deleted {
                history.erase(number, version, &at(3)).await;
            }
            for caller in &callers {
                let scope = caller.access_scope();
                let may_access = caller.may_access(last.user_ids());
                let found = history.page(number, &scope, &all()).await;
                assert_eq!(matches!(found, Lookup::Found(_)), may_access, "{caller:?} {masks:?}");
                let found = history.look_at(number, version, &scope, second(0)).await;
                assert_eq!(matches!(found, Lookup::Found(Some(_))), may_access, "{caller:?} {masks:?}");
                let is_listed = history.deleted_ids(&scope).await.contains(&id(number));
                assert_eq!(is_listed, may_access && is_deleted, "{caller:?} {masks:?}");
            }
        }
    }
}

pub(super) async fn text_with_u0000_has_no_access(history: TestHistory) {
    let living = history.insert_one(&icp(1).document()).await;
    let version = history.insert_one(&icp(2).document()).await;
    history.erase(2, version, &at(1)).await;
    for name in ["\0", "user_ada\0", "' OR '1'='1", "%", "USER_ADA"] {
        assert_eq!(history.page(1, &scope(name), &all()).await, Lookup::Forbidden, "{name:?}");
        assert_eq!(history.page(2, &scope(name), &all()).await, Lookup::Forbidden, "{name:?}");
        let found = history.look_at(1, living, &scope(name), second(0)).await;
        assert_eq!(found, Lookup::Forbidden, "{name:?}");
        assert!(history.deleted_ids(&scope(name)).await.is_empty(), "{name:?}");
    }
}
