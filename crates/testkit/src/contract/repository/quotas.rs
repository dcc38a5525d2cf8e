//! Quotas of creators.

use icp_domain::IcpDocument;
use icp_ports::{Creation, Creator, IdempotencyKey, Quota, Replacement, Version};

use super::support::{TestRepository, change, concurrently, retry_overloaded};
use crate::fixtures::{self, icp, stamp_without_history};

const INSERT_COUNT: u32 = 16;

fn creator(user_id: &str, icps: u64, bytes: u64) -> Creator {
    fixtures::creator(user_id, Quota { icps, bytes })
}

fn key(key: &str) -> IdempotencyKey {
    IdempotencyKey { key: key.to_owned(), fingerprint: [1; 32] }
}

async fn insert(
    repository: &TestRepository,
    document: &IcpDocument,
    creator: &Creator,
    key: Option<&IdempotencyKey>,
) -> Creation {
    retry_overloaded(|| repository.insert(document, creator, key)).await.expect("insert failed")
}

#[track_caller]
fn assert_created(creation: &Creation) -> Version {
    match creation {
        Creation::Created(version) => *version,
        other => panic!("the ICP must be created: {other:?}"),
    }
}

fn document_bytes(document: &IcpDocument) -> u64 {
    document.json().len() as u64
}

pub(super) async fn quota_counts_icps_of_their_creator(repository: TestRepository) {
    let ada = creator("user_ada", 2, u64::MAX);
    let icp_of_other_user = icp(1).users(["user_bob"]).document();
    let version = assert_created(&insert(&repository, &icp_of_other_user, &ada, None).await);
    assert_created(&insert(&repository, &icp(2).document(), &ada, None).await);
    let third = icp(3).document();
    assert_eq!(
        insert(&repository, &third, &ada, None).await,
        Creation::QuotaReached,
        "the quota must count ICPs of the creator, independent of `userIds`"
    );
    assert_eq!(repository.find(3).await, None);
    let bob = creator("user_bob", 2, u64::MAX);
    assert_created(&insert(&repository, &icp(4).document(), &bob, None).await);
    let upper_case = creator("USER_ADA", 1, u64::MAX);
    assert_created(&insert(&repository, &icp(5).document(), &upper_case, None).await);
    assert!(repository.remove(1, version).await);
    assert_created(&insert(&repository, &third, &ada, None).await);
}

pub(super) async fn quota_counts_bytes_of_icps_and_keys(repository: TestRepository) {
    let documents = [1, 2, 3].map(|number| icp(number).document());
    let all = documents.iter().map(document_bytes).sum::<u64>();
    // The first document counts twice, because its idempotency key stores a copy.
    let ada = creator("user_ada", 10, all + document_bytes(&documents[0]));
    let too_small = creator("user_ada", 10, document_bytes(&documents[0]) * 2 - 1);
    let first = Some(key("1"));
    let refused = insert(&repository, &documents[0], &too_small, first.as_ref()).await;
    assert_eq!(refused, Creation::QuotaReached, "an ICP with a key must count twice");
    assert_created(&insert(&repository, &documents[0], &ada, first.as_ref()).await);
    assert_created(&insert(&repository, &documents[1], &ada, None).await);
    let with_key = insert(&repository, &documents[2], &ada, Some(&key("3"))).await;
    assert_eq!(with_key, Creation::QuotaReached, "the key would need a second copy");
    assert_created(&insert(&repository, &documents[2], &ada, None).await);
    let refused = insert(&repository, &icp(4).document(), &ada, None).await;
    assert_eq!(refused, Creation::QuotaReached, "the bytes of the quota must be used up");
}

pub(super) async fn quota_counts_keys_of_deleted_icps(repository: TestRepository) {
    let ada = creator("user_ada", 2, u64::MAX);
    for number in [1, 2] {
        let key = key(&number.to_string());
        let version = assert_created(&insert(&repository, &icp(number).document(), &ada, Some(&key)).await);
        assert!(repository.remove(number, version).await);
    }
    let refused = insert(&repository, &icp(3).document(), &ada, None).await;
    assert_eq!(
        refused,
        Creation::QuotaReached,
        "the keys must reach the quota, so that every insert is refused, even without a key"
    );
}

pub(super) async fn repeated_insert_succeeds_beyond_quota(repository: TestRepository) {
    let ada = creator("user_ada", 1, u64::MAX);
    let (document, key) = (icp(1).document(), key("k"));
    assert_created(&insert(&repository, &document, &ada, Some(&key)).await);
    let again = insert(&repository, &icp(2).document(), &ada, Some(&key)).await;
    assert!(matches!(&again, Creation::Repeated(icp) if icp.json == document.json()), "{again:?}");
    let other = IdempotencyKey { fingerprint: [2; 32], ..key };
    assert_eq!(insert(&repository, &icp(2).document(), &ada, Some(&other)).await, Creation::KeyReused);
}

pub(super) async fn long_icp_grows_within_quota_of_its_creator(repository: TestRepository) {
    let long = |number, length| icp(number).with("description", "x".repeat(length)).document();
    let (first, second, longer) = (long(1, 2_000), long(2, 2_000), long(1, 3_000));
    let quota = Quota { icps: 10, bytes: document_bytes(&second) + document_bytes(&longer) };
    let ada = fixtures::creator("user_ada", quota);
    let version = assert_created(&insert(&repository, &first, &ada, None).await);
    assert_created(&insert(&repository, &second, &ada, None).await);
    let replace = async |after: &IcpDocument, expected, quota| {
        let change = change(&first, after);
        retry_overloaded(|| repository.replace(&change, expected, quota, stamp_without_history()))
            .await
            .expect("replace failed")
    };
    let smaller = Quota { bytes: quota.bytes - 1, ..quota };
    assert_eq!(replace(&longer, version, smaller).await, Replacement::QuotaReached);
    assert_eq!(repository.must_find(1).await.json, first.json());
    let Replacement::Replaced(version) = replace(&longer, version, quota).await else {
        panic!("the change must be within the quota");
    };
    let none = Quota { icps: 10, bytes: 10 };
    let shorter = replace(&first, version, none).await;
    assert!(
        matches!(shorter, Replacement::Replaced(_)),
        "a shorter document must always be allowed: {shorter:?}"
    );
}

pub(super) async fn icp_may_grow_up_to_quota(repository: TestRepository) {
    let before = icp(1).document();
    let ada = creator("user_ada", 1, u64::MAX);
    let version = assert_created(&insert(&repository, &before, &ada, None).await);
    let after = icp(1).with("name", "a longer name than before").document();
    let quota = Quota { icps: 1, bytes: document_bytes(&after) };
    let change = change(&before, &after);
    let replaced = retry_overloaded(|| repository.replace(&change, version, quota, stamp_without_history()))
        .await
        .expect("replace failed");
    assert!(matches!(replaced, Replacement::Replaced(_)), "{replaced:?}");
}

pub(super) async fn concurrent_inserts_reach_quota(repository: TestRepository) {
    let created = concurrently(INSERT_COUNT, |number| {
        let repository = repository.clone();
        let ada = creator("user_ada", 4, u64::MAX);
        async move { insert(&repository, &icp(u128::from(number)).document(), &ada, None).await }
    });
    let created = created.await.into_iter().filter(|creation| matches!(creation, Creation::Created(_)));
    assert!(created.count() >= 4, "concurrent inserts may exceed the quota, but must reach it");
    let ada = creator("user_ada", 4, u64::MAX);
    assert_eq!(insert(&repository, &icp(100).document(), &ada, None).await, Creation::QuotaReached);
}
