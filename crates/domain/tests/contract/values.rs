//! Tests of IDs and of the access rule.

use icp_domain::{Caller, IcpId, UserId};
use proptest::prelude::*;

use super::support::cases;

const ID: &str = "550e8400-e29b-41d4-a716-44665544abcd";

#[test]
fn icp_id_has_one_form() {
    let id: IcpId = ID.parse().unwrap();
    assert_eq!(id.to_string(), ID);
    assert_eq!(
        ID.to_uppercase().parse::<IcpId>().unwrap(),
        id,
        "upper case must be parsed, and lower case written"
    );
    assert_eq!(IcpId::from(id.as_uuid()), id);
    assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{ID}\""));
    for wrong in [
        ID.replace('-', ""),
        format!("{{{ID}}}"),
        format!("urn:uuid:{ID}"),
        format!(" {ID}"),
        ID.replacen('5', "g", 1),
        "550e-8400e29b-41d4-a716-44665544abcd".to_owned(),
        ID[1..].to_owned(),
        String::new(),
    ] {
        assert!(wrong.parse::<IcpId>().is_err(), "{wrong}");
        assert!(serde_json::from_str::<IcpId>(&format!("\"{wrong}\"")).is_err(), "{wrong}, with serde");
    }
}

#[test]
fn user_id_is_any_text_except_empty() {
    assert!("".parse::<UserId>().is_err());
    assert!(serde_json::from_str::<UserId>(r#""""#).is_err());
    for text in [" ", "user_2abc", "é", "\0", "a b"] {
        let id: UserId = text.parse().unwrap();
        assert_eq!((id.as_str(), id.to_string().as_str()), (text, text));
        assert_eq!(serde_json::from_str::<UserId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
    }
    let ids: std::collections::HashSet<UserId> = ["a", "b"].map(|text| text.parse().unwrap()).into();
    assert!(ids.contains("b") && !ids.contains("c"), "a set must be searchable by text");
    let [upper, lower] = ["User", "user"].map(|text| text.parse::<UserId>().unwrap());
    assert_ne!(upper, lower, "IDs must be compared byte by byte");
}

#[test]
fn icp_without_users_is_for_admins_only() {
    let ada: UserId = "ada".parse().unwrap();
    assert!(!Caller::user(ada.clone()).may_access(&[]));
    assert!(Caller::admin(ada.clone()).may_access(&[]));
    assert!(!Caller::admin(ada).list_scope().includes(&[]));
}

fn user() -> impl Strategy<Value = UserId> {
    "[ab]{1,2}".prop_map(|text| text.try_into().unwrap())
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn admins_and_users_have_access(user in user(), users in prop::collection::vec(user(), 0..4)) {
        let named = users.contains(&user);
        let caller = Caller::user(user.clone());
        let admin = Caller::admin(user.clone());
        prop_assert_eq!(caller.may_access(&users), named);
        prop_assert!(admin.may_access(&users));
        prop_assert!(admin.is_admin() && !caller.is_admin());
        prop_assert_eq!(caller.user_id(), &user);
    }

    #[test]
    fn list_scope_ignores_admin_rights(user in user(), users in prop::collection::vec(user(), 0..4)) {
        let scope = Caller::user(user.clone()).list_scope();
        prop_assert_eq!(&scope, &Caller::admin(user.clone()).list_scope());
        prop_assert_eq!(scope.includes(&users), users.contains(&user));
        prop_assert_eq!(scope.user_id(), &user);
    }

    #[test]
    fn icp_id_round_trips(bits in any::<u128>(), upper in any::<bool>()) {
        let id = IcpId::from(uuid::Uuid::from_u128(bits));
        let text = if upper { id.to_string().to_uppercase() } else { id.to_string() };
        prop_assert_eq!(text.parse::<IcpId>().unwrap(), id);
        prop_assert_eq!(id.to_string(), id.to_string().to_lowercase());
    }
}
