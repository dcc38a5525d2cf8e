//! Tests of `If-Match` and `If-None-Match` on each operation.

use icp_application::{ListRequest, ListResponse, Preconditions, ServiceError, VersionMatch};
use icp_ports::{Conditional, ListVersion, Version};

use crate::support::{SMB, ada, fixture, if_match, if_none_match};

#[tokio::test]
async fn known_icp_is_not_sent_again() {
    let fixture = fixture();
    let created = fixture.create(&ada(), SMB).await;
    let get = async |preconditions| fixture.icps.get(&ada(), created.id, &preconditions).await;
    for versions in [VersionMatch::Any, VersionMatch::OneOf(vec![Version(7), created.version])] {
        let got = get(if_none_match(versions)).await.expect("must read");
        assert_eq!(got, Conditional::Unchanged(created.version));
    }
    let got = get(if_none_match(VersionMatch::OneOf(vec![Version(7)]))).await.expect("must read");
    assert_eq!(got, Conditional::Changed(created.clone()));
}

#[tokio::test]
async fn read_of_another_version_fails() {
    let fixture = fixture();
    let created = fixture.create(&ada(), SMB).await;
    let get = async |preconditions| fixture.icps.get(&ada(), created.id, &preconditions).await;
    assert_eq!(
        get(if_match(created.version)).await.expect("must read"),
        Conditional::Changed(created.clone())
    );
    for if_none_match in [None, Some(VersionMatch::Any)] {
        let got = get(Preconditions { if_none_match, ..if_match(Version(7)) }).await;
        assert!(matches!(got, Err(ServiceError::PreconditionFailed)), "{got:?}");
    }
    let other =
        Preconditions { if_match: Some(VersionMatch::OneOf(vec![ListVersion(7)])), if_none_match: None };
    let listed = fixture.icps.list(&ada(), &ListRequest::default(), &other).await;
    assert!(matches!(listed, Err(ServiceError::PreconditionFailed)), "{listed:?}");
}

#[tokio::test]
async fn list_is_sent_only_if_changed() {
    let fixture = fixture();
    let created = fixture.create(&ada(), SMB).await;
    let (_, version) = fixture.list(&ada()).await;
    let known = if_none_match(VersionMatch::OneOf(vec![version]));
    let list = async || fixture.icps.list(&ada(), &ListRequest::default(), &known).await.expect("must list");
    let unchanged = list().await;
    assert!(matches!(unchanged, ListResponse::NotModified(same) if same == version), "{unchanged:?}");
    fixture.patch(&ada(), created.id, r#"{"name": "renamed"}"#).await;
    let changed = list().await;
    assert!(
        matches!(changed, ListResponse::Buffered { version: other, .. } if other != version),
        "{changed:?}"
    );
}

#[tokio::test]
async fn write_happens_only_at_named_version() {
    let fixture = fixture();
    let created = fixture.create(&ada(), SMB).await;
    let update = async |body: &str, preconditions: &Preconditions<Version>| {
        fixture.icps.update(&ada(), created.id, body.into(), preconditions).await
    };
    let old = if_match(created.version);
    let first = update(r#"{"name": "first"}"#, &old).await.expect("the ICP must be at that version");
    let current = if_none_match(VersionMatch::OneOf(vec![first.version]));
    for preconditions in [&old, &if_none_match(VersionMatch::Any), &current] {
        for body in [r#"{"name": "second"}"#, r#"{"name": "first"}"#, "{}"] {
            let late = update(body, preconditions).await;
            assert!(matches!(late, Err(ServiceError::PreconditionFailed)), "{late:?}");
        }
        let deleted = fixture.icps.delete(&ada(), created.id, preconditions).await;
        assert!(matches!(deleted, Err(ServiceError::PreconditionFailed)), "{deleted:?}");
    }
    let any = Preconditions { if_match: Some(VersionMatch::Any), if_none_match: None };
    fixture.icps.delete(&ada(), created.id, &any).await.expect("the ICP must exist");
    let got = fixture.icps.get(&ada(), created.id, &Preconditions::default()).await;
    assert!(matches!(got, Err(ServiceError::NotFound)), "{got:?}");
}

#[tokio::test]
async fn create_depends_on_version_of_list() {
    let fixture = fixture();
    let (_, empty) = fixture.list(&ada()).await;
    let only_if_empty =
        Preconditions { if_match: Some(VersionMatch::OneOf(vec![empty])), if_none_match: None };
    let create = async |preconditions| fixture.icps.create(&ada(), SMB.into(), None, preconditions).await;
    create(&only_if_empty).await.expect("must succeed while the list is empty");
    for preconditions in [&only_if_empty, &if_none_match(VersionMatch::Any)] {
        let created = create(preconditions).await;
        assert!(matches!(created, Err(ServiceError::PreconditionFailed)), "{created:?}");
    }
}
