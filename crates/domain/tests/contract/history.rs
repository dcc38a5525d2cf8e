//! Tests of changes, restores and copies, and of the access after them.

use icp_domain::{
    Author, Caller, Icp, IcpChange, IcpCopy, IcpId, IcpRestore, Operation, Source, Timestamp, UserId,
    ViolationCode, limits,
};
use proptest::prelude::*;
use proptest::sample::subsequence;

use super::bodies::assert_violations;
use super::generate::{object, tree};
use super::support::{FULL, cases, stored, with_provider_filters};

const USER_IDS: [&str; 4] = ["user_a", "user_b", "user_c", "user_d"];

fn user(text: &str) -> UserId {
    text.parse().unwrap()
}

fn users() -> impl Strategy<Value = Vec<UserId>> {
    subsequence(USER_IDS.to_vec(), 0..=USER_IDS.len()).prop_map(|names| names.into_iter().map(user).collect())
}

fn callers() -> Vec<Caller> {
    let users = USER_IDS
        .iter()
        .flat_map(|name| [Caller::user(user(name)), Caller::impersonated(user(name), user("user_support"))]);
    users.chain([Caller::user(user("user_eve"))]).collect()
}

/// Generates states of an ICP that differ in their users, name, `leadsPerList`, provider filters and unknown fields.
fn states() -> impl Strategy<Value = Icp> {
    (users(), "[a-c]{1,3}", object(), tree(), 1_i64..4).prop_map(|(users, name, filters, value, leads)| {
        let text = with_provider_filters(&filters.compact());
        let text = text.replacen('{', &format!(r#"{{"colour":{},"#, value.compact()), 1);
        Icp { user_ids: users, name, leads_per_list: leads, ..stored(&text) }
    })
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn restore_changes_no_access(current in states(), earlier in states()) {
        let restored = current.restored(&earlier, Timestamp::UNIX_EPOCH).unwrap_or_else(|| current.clone());
        let undelete = IcpChange::undeleting(&current, &earlier, Timestamp::UNIX_EPOCH);
        for caller in callers() {
            let before = caller.may_access(&current.user_ids);
            prop_assert_eq!(caller.may_access(&restored.user_ids), before, "{:?}", caller);
            prop_assert_eq!(caller.may_access(undelete.document().user_ids()), before, "{:?}", caller);
            prop_assert_eq!(caller.list_scope().includes(undelete.document().user_ids()), before && caller.list_scope().includes(&current.user_ids));
        }
        prop_assert!(undelete.added_users().is_empty() && undelete.removed_users().is_empty());
    }

    #[test]
    fn only_current_users_see_history(states in prop::collection::vec(states(), 1..5)) {
        // The access rule applies to the last `userIds`, and ignores earlier states.
        let last = &states[states.len() - 1].user_ids;
        for caller in callers() {
            prop_assert_eq!(caller.access_scope().includes(last), last.contains(caller.user_id()));
        }
        prop_assert!(Caller::admin(user("user_root")).access_scope().includes(last));
    }

    #[test]
    fn restore_replaces_all_other_fields(current in states(), earlier in states()) {
        let Some(restored) = current.restored(&earlier, Timestamp::UNIX_EPOCH) else {
            let same = Icp { user_ids: current.user_ids.clone(), ..earlier };
            prop_assert_eq!(same, current);
            return Ok(());
        };
        prop_assert!(restored.updated_at > current.updated_at);
        let expected = Icp { user_ids: current.user_ids.clone(), updated_at: restored.updated_at, ..earlier.clone() };
        prop_assert_eq!(restored.to_json(), expected.to_json(), "byte for byte");
        prop_assert!(restored.restored(&earlier, Timestamp::UNIX_EPOCH).is_none(), "a second restore changes nothing");
    }

    #[test]
    fn changed_fields_differ(before in states(), after in states()) {
        let changed: Vec<String> = serde_json::from_str(before.changed_fields(&after).as_json()).unwrap();
        let [before_json, after_json] = [&before, &after].map(|icp| serde_json::from_str::<serde_json::Value>(&icp.to_json()));
        let (Ok(before_json), Ok(after_json)) = (before_json, after_json) else { return Ok(()) };
        for (name, value) in before_json.as_object().unwrap() {
            // Two notations of a number count as a change, although a parser may read the same value.
            prop_assert!(changed.contains(name) || Some(value) == after_json.get(name), "{}", name);
        }
        prop_assert!(changed.is_sorted());
        prop_assert!(before.changed_fields(&before).as_json() == "[]");
    }
}

#[test]
fn changes_have_operation_and_fields() {
    let before = stored(FULL);
    let mut after = before.clone();
    after.name = "after".to_owned();
    after.updated_at = after.updated_at.next();
    after.user_ids.push(user("user_z"));
    let change = IcpChange::between(&before, after.clone());
    assert_eq!(
        (change.operation(), change.changed().as_json()),
        (Operation::Update, r#"["name","userIds"]"#)
    );
    let restoring = IcpChange::restoring(&after, &before, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!((restoring.operation(), restoring.changed().as_json()), (Operation::Restore, r#"["name"]"#));
    assert!(IcpChange::restoring(&before, &before, Timestamp::UNIX_EPOCH).is_none());
    let undelete = IcpChange::undeleting(&before, &before, Timestamp::UNIX_EPOCH);
    assert_eq!((undelete.operation(), undelete.changed().as_json()), (Operation::Restore, "[]"));
    assert!(undelete.document().updated_at() > before.updated_at);
}

#[test]
fn author_is_user_and_impersonator() {
    let caller = Caller::impersonated(user("user_ada"), user("user_support")).via(Source::Mcp);
    let author =
        Author { by: Some(user("user_ada")), actor: Some(user("user_support")), source: Source::Mcp };
    assert_eq!(caller.author(), author);
    assert_eq!(Caller::user(user("user_ada")).author().source, Source::Api);
    for name in Source::NAMES {
        assert_eq!(Source::from_name(name).map(Source::as_str), Some(*name));
    }
    for name in Operation::NAMES {
        assert_eq!(Operation::from_name(name).map(Operation::as_str), Some(*name));
    }
    assert_eq!(Operation::from_name("drop"), None);
}

#[test]
fn copy_has_another_identity_and_one_user() {
    let mut original = stored(FULL);
    let id = IcpId::from(uuid::Uuid::max());
    for (name, expected) in [
        ("SMB".to_owned(), "SMB (copy)".to_owned()),
        ("é".repeat(limits::NAME), format!("{} (copy)", "é".repeat(limits::NAME - 7))),
        ("🦀".repeat(limits::NAME - 7), format!("{} (copy)", "🦀".repeat(limits::NAME - 7))),
    ] {
        original.name = name;
        let copy = IcpCopy::default().apply(&original, id, &user("user_z"), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(copy.name, expected);
        assert!(copy.validate().is_ok());
        let expected = Icp {
            id,
            name: expected,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            user_ids: vec![user("user_z")],
            ..original.clone()
        };
        assert_eq!(copy, expected);
    }
    let named = IcpCopy::from_json(r#"{"name": "other"}"#).unwrap();
    assert_eq!(named.apply(&original, id, &user("user_z"), Timestamp::UNIX_EPOCH).unwrap().name, "other");
    let invalid = IcpCopy::default().apply(&original, id, &user("user z"), Timestamp::UNIX_EPOCH);
    assert_violations(invalid, &[("/userIds", ViolationCode::InvalidValue)]);
}

#[test]
fn bodies_of_copy_and_restore_are_strict() {
    use ViolationCode::{InvalidType, InvalidValue, Malformed, Required, TooLong, UnknownField};
    assert_eq!(IcpCopy::from_json("{}").unwrap(), IcpCopy::default());
    for (body, pointer, code) in [
        (r#"{"name": " "}"#, "/name", InvalidValue),
        (r#"{"name": ""}"#, "/name", InvalidValue),
        (r#"{"name": null}"#, "/name", InvalidType),
        (&format!(r#"{{"name": "{}"}}"#, "x".repeat(256)), "/name", TooLong),
        (r#"{"userIds": []}"#, "/userIds", UnknownField),
        ("[]", "", InvalidType),
        ("{", "", Malformed),
    ] {
        assert_violations(IcpCopy::from_json(body), &[(pointer, code)]);
    }
    assert_eq!(IcpRestore::from_json(r#"{"revision": "17"}"#).unwrap().revision, 17);
    for (body, pointer, code) in [
        ("{}", "/revision", Required),
        (r#"{"revision": 17}"#, "/revision", InvalidType),
        (r#"{"revision": ""}"#, "/revision", InvalidValue),
        (r#"{"revision": "+17"}"#, "/revision", InvalidValue),
        (r#"{"revision": "017"}"#, "/revision", InvalidValue),
        (r#"{"revision": "\"17\""}"#, "/revision", InvalidValue),
        (r#"{"revision": "9223372036854775808"}"#, "/revision", InvalidValue),
        (&format!(r#"{{"revision": "{}"}}"#, "1".repeat(21)), "/revision", TooLong),
        (r#"{"revision": "17", "x": 1}"#, "/x", UnknownField),
    ] {
        assert_violations(IcpRestore::from_json(body), &[(pointer, code)]);
    }
}
