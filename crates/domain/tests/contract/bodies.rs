//! The bodies of requests that create and change an ICP.

use icp_domain::criteria::MaxPeoplePerCompany;
use icp_domain::{
    Caller, Icp, IcpChange, IcpPatch, NewIcp, PatchError, Rules, Timestamp, UserId, ViolationCode,
};
use serde_json::{Value, json};

fn user(text: &str) -> UserId {
    text.parse().unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn stored() -> Icp {
    let text = json!({
        "id": "550e8400-e29b-41d4-a716-446655440000", "name": "Before", "description": "It was",
        "createdAt": "2024-01-15T10:30:00.000Z", "updatedAt": "2024-01-20T14:22:00.000Z",
        "leadProviderCriteria": [], "customFilterCriteria": [{"type": "ofNextYear", "x": 1}],
        "crmFilters": {"provider": "bullhorn", "filters": []},
        "userIds": ["user_ada"], "leadsPerList": 25, "activeUntil": "2024-12-31T23:59:59.000Z", "colour": "red",
    });
    Icp::from_json(&text.to_string(), Rules::Stored).unwrap()
}

fn ada() -> Caller {
    Caller::user(user("user_ada"))
}

fn patch(body: &Value) -> Result<Option<Icp>, PatchError> {
    let patch = IcpPatch::from_json(&body.to_string(), &ada())?;
    patch.apply(&stored(), &ada(), time("2025-01-01T00:00:00Z"))
}

#[track_caller]
pub(crate) fn assert_violations(
    outcome: Result<impl std::fmt::Debug, impl Into<PatchError>>,
    expected: &[(&str, ViolationCode)],
) {
    let PatchError::Invalid(violations) = outcome.expect_err("must have violations").into() else {
        panic!("the violations {expected:?} were expected")
    };
    let found: Vec<_> =
        violations.all().iter().map(|violation| (violation.pointer.as_str(), violation.code)).collect();
    assert_eq!(found, expected, "{violations}");
}

#[test]
fn new_icp_has_defaults_and_creator() {
    let new = NewIcp::from_json(r#"{"name": "SMB", "leadProviderCriteria": []}"#).unwrap();
    let icp = new.create(uuid::Uuid::nil().into(), &user("user_ada"), time("2025-01-01T00:00:00Z")).unwrap();
    let expected = json!({
        "id": "00000000-0000-0000-0000-000000000000", "name": "SMB", "description": null,
        "createdAt": "2025-01-01T00:00:00.000Z", "updatedAt": "2025-01-01T00:00:00.000Z",
        "leadProviderCriteria": [], "customFilterCriteria": [], "crmFilters": null,
        "userIds": ["user_ada"], "leadsPerList": 10, "activeUntil": null,
    });
    assert_eq!(serde_json::to_value(&icp).unwrap(), expected);
    icp.validate().unwrap();
}

#[test]
fn creator_is_in_user_ids_once() {
    for (listed, expected) in [
        (json!([]), vec!["user_ada"]),
        (json!(["user_ada"]), vec!["user_ada"]),
        (json!(["user_bob"]), vec!["user_bob", "user_ada"]),
        (json!(["user_ada", "user_bob"]), vec!["user_ada", "user_bob"]),
    ] {
        let body = json!({"name": "SMB", "leadProviderCriteria": [], "userIds": listed});
        let new = NewIcp::from_json(&body.to_string()).unwrap();
        let icp = new.create(uuid::Uuid::nil().into(), &user("user_ada"), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(icp.user_ids, expected.into_iter().map(user).collect::<Vec<_>>());
    }
}

#[test]
fn creator_counts_towards_user_limit() {
    let users = |count: usize| (0..count).map(|number| format!("user_{number}")).collect::<Vec<_>>();
    for (listed, creator, fits) in
        [(9_999, "user_ada", true), (10_000, "user_ada", false), (10_000, "user_7", true)]
    {
        let body = json!({"name": "SMB", "leadProviderCriteria": [], "userIds": users(listed)});
        let new = NewIcp::from_json(&body.to_string()).unwrap();
        let created = new.create(uuid::Uuid::nil().into(), &user(creator), Timestamp::UNIX_EPOCH);
        if fits {
            created.unwrap().validate().unwrap();
        } else {
            assert_violations(created, &[("/userIds", ViolationCode::TooLong)]);
        }
    }
}

#[test]
fn invalid_creator_id_is_refused() {
    for (creator, code) in [
        ("user ada", ViolationCode::InvalidValue),
        ("user\0", ViolationCode::InvalidValue),
        (&"u".repeat(256), ViolationCode::TooLong),
    ] {
        let new = NewIcp::from_json(r#"{"name": "SMB", "leadProviderCriteria": []}"#).unwrap();
        let created = new.create(uuid::Uuid::nil().into(), &user(creator), Timestamp::UNIX_EPOCH);
        assert_violations(created, &[("/userIds", code)]);
    }
}

#[test]
fn change_lists_added_and_removed_users() {
    let mut before = stored();
    before.user_ids = ["user_c", "user_a", "user_c", "user_b"].map(user).to_vec();
    let mut after = before.clone();
    after.user_ids = ["user_z", "user_b", "user_d", "user_d"].map(user).to_vec();
    let change = IcpChange::between(&before, after.clone());
    assert_eq!(change.added_users(), ["user_d", "user_z"].map(user));
    assert_eq!(change.removed_users(), ["user_a", "user_c"].map(user));
    assert_eq!(change.document(), &after.into());
    let unchanged = IcpChange::between(&before, before.clone());
    assert!(unchanged.added_users().is_empty() && unchanged.removed_users().is_empty());
}

#[test]
fn new_icp_reports_all_violations() {
    use ViolationCode::{ReadOnly, Required, UnknownField};
    assert_violations(NewIcp::from_json("{}"), &[("/name", Required), ("/leadProviderCriteria", Required)]);
    let body = json!({
        "name": "SMB", "leadProviderCriteria": [], "colour": 1,
        "id": "550e8400-e29b-41d4-a716-446655440000", "createdAt": null, "updatedAt": 7,
    });
    let expected =
        [("/colour", UnknownField), ("/createdAt", ReadOnly), ("/id", ReadOnly), ("/updatedAt", ReadOnly)];
    assert_violations(NewIcp::from_json(&body.to_string()), &expected);
    assert_violations(NewIcp::from_json("[]"), &[("", ViolationCode::InvalidType)]);
}

#[test]
fn patch_changes_only_named_fields() {
    let patched = patch(&json!({"name": "After", "leadsPerList": 5.0})).unwrap().unwrap();
    let expected = Icp {
        name: "After".to_owned(),
        leads_per_list: 5,
        updated_at: time("2025-01-01T00:00:00Z"),
        ..stored()
    };
    assert_eq!(patched, expected, "unknown parts are preserved");
}

#[test]
fn null_clears_only_nullable_fields() {
    let body = json!({"description": null, "crmFilters": null, "activeUntil": null});
    let patched = patch(&body).unwrap().unwrap();
    assert_eq!((patched.description, patched.crm_filters, patched.active_until), (None, None, None));
    for member in ["name", "leadProviderCriteria", "customFilterCriteria", "userIds", "leadsPerList"] {
        let pointer = format!("/{member}");
        assert_violations(patch(&json!({member: null})), &[(pointer.as_str(), ViolationCode::InvalidType)]);
    }
}

#[test]
fn patch_without_effect_is_no_change() {
    assert_eq!(patch(&json!({})).unwrap(), None);
    assert_eq!(patch(&json!({"name": "Before", "userIds": ["user_ada"]})).unwrap(), None);
    let read_only = json!({
        "id": "550E8400-e29b-41d4-a716-446655440000",
        "createdAt": "2024-01-15T11:30:00+01:00", "updatedAt": "2024-01-20T14:22:00Z",
    });
    assert_eq!(patch(&read_only).unwrap(), None);
}

#[test]
fn read_only_fields_cannot_be_changed() {
    let body = json!({
        "id": "550e8400-e29b-41d4-a716-446655440001",
        "createdAt": "2024-01-15T10:30:00.001Z", "updatedAt": "2024-01-20T14:22:00.001Z", "name": "After",
    });
    let expected = ["/id", "/createdAt"].map(|pointer| (pointer, ViolationCode::ReadOnly));
    assert_violations(patch(&body), &expected);
    let body = json!({"updatedAt": "2024-01-20T14:22:00.001Z", "name": "After"});
    assert_eq!(patch(&body), Err(PatchError::Stale));
    let body = json!({"updatedAt": "2024-01-20T14:22:00.001Z", "userIds": []});
    assert_violations(patch(&body), &[("/userIds", ViolationCode::InvalidValue)]);
}

#[test]
fn violations_of_patch_for_icp_are_complete_and_in_document_order() {
    let other = r#""id": "550e8400-e29b-41d4-a716-446655440001""#;
    for (body, expected) in [
        (
            format!(
                r#"{{"name": "", "createdAt": "2024-01-15T10:30:00.001Z", "userIds": [], "colour": 1, {other}}}"#
            ),
            &[
                ("/name", ViolationCode::InvalidValue),
                ("/createdAt", ViolationCode::ReadOnly),
                ("/userIds", ViolationCode::InvalidValue),
                ("/colour", ViolationCode::UnknownField),
                ("/id", ViolationCode::ReadOnly),
            ] as &[_],
        ),
        (
            r#"{"createdAt": "2024-01-15T10:30:00.000Z", "id": 7, "name": ""}"#.to_owned(),
            &[("/id", ViolationCode::InvalidType), ("/name", ViolationCode::InvalidValue)],
        ),
    ] {
        assert_violations(IcpPatch::from_json_for(&body, &ada(), &stored()), expected);
    }
    let root = Caller::admin(user("user_root"));
    let read_only = [("/id", ViolationCode::ReadOnly)];
    assert_violations(
        IcpPatch::from_json_for(&format!(r#"{{"userIds": [], {other}}}"#), &root, &stored()),
        &read_only,
    );
    let unchanged = r#"{"createdAt": "2024-01-15T11:30:00+01:00", "updatedAt": "2020-01-01T00:00:00Z"}"#;
    assert!(IcpPatch::from_json_for(unchanged, &ada(), &stored()).is_ok());
}

#[test]
fn only_admin_may_remove_all_users() {
    assert_violations(patch(&json!({"userIds": []})), &[("/userIds", ViolationCode::InvalidValue)]);
    assert_eq!(patch(&json!({"userIds": ["user_bob"]})).unwrap().unwrap().user_ids, [user("user_bob")]);
    let both = json!({"name": "", "leadsPerList": 5, "userIds": [ ]});
    let expected = [("/name", ViolationCode::InvalidValue), ("/userIds", ViolationCode::InvalidValue)];
    assert_violations(patch(&both), &expected);
    let root = Caller::admin(user("user_root"));
    assert_violations(
        IcpPatch::from_json(&both.to_string(), &root),
        &[("/name", ViolationCode::InvalidValue)],
    );
    let patch = IcpPatch::from_json(r#"{"userIds": []}"#, &root).unwrap();
    let patched = patch.apply(&stored(), &root, Timestamp::UNIX_EPOCH);
    assert!(patched.unwrap().unwrap().user_ids.is_empty());
}

#[test]
fn updated_at_always_increases() {
    let patch = IcpPatch::from_json(r#"{"name": "After"}"#, &ada()).unwrap();
    for (now, expected) in [
        ("2024-01-20T14:22:00.000Z", "2024-01-20T14:22:00.001Z"),
        ("2020-01-01T00:00:00.000Z", "2024-01-20T14:22:00.001Z"),
        ("2024-01-20T14:22:05.000Z", "2024-01-20T14:22:05.000Z"),
    ] {
        let patched = patch.apply(&stored(), &ada(), time(now)).unwrap().unwrap();
        assert_eq!(patched.updated_at, time(expected), "at {now}");
    }
}

#[test]
fn builders_validate_like_json() {
    let new = NewIcp::builder(" ").filter(MaxPeoplePerCompany::new(0)).users([user("a b")]).build();
    let expected = ["/name", "/customFilterCriteria/0/value", "/userIds/0"].into_iter().zip([
        ViolationCode::InvalidValue,
        ViolationCode::OutOfRange,
        ViolationCode::InvalidValue,
    ]);
    assert_violations(new, &expected.collect::<Vec<_>>());
    assert_violations(IcpPatch::builder().name("").build(), &[("/name", ViolationCode::InvalidValue)]);

    let patch = IcpPatch::builder().filters([]).clear_crm_filters().unless_changed_since(stored().updated_at);
    let patched = patch.build().unwrap().apply(&stored(), &ada(), Timestamp::UNIX_EPOCH).unwrap().unwrap();
    assert_eq!((patched.custom_filter_criteria, patched.crm_filters), (vec![], None));
    let stale = IcpPatch::builder().unless_changed_since(Timestamp::UNIX_EPOCH).build().unwrap();
    assert_eq!(stale.apply(&stored(), &ada(), Timestamp::UNIX_EPOCH), Err(PatchError::Stale));
}

#[test]
fn patch_requires_access() {
    let patch = IcpPatch::builder().name("After").build().unwrap();
    let apply = |caller: &Caller| patch.apply(&stored(), caller, Timestamp::UNIX_EPOCH);
    assert_eq!(apply(&Caller::user(user("user_eve"))), Err(PatchError::Forbidden));
    assert!(apply(&ada()).unwrap().is_some());
    assert!(apply(&Caller::admin(user("user_eve"))).unwrap().is_some());
}
