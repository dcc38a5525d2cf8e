use std::sync::Arc;

use icp_domain::UserId;
use icp_ports::{IcpList, ListQuery};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

/// Lists that were read before, in so many bytes at most: those that are asked for again.
///
/// None of them is an answer by itself. It is the list at its version, and at which version the list is now is asked of the
/// storage for every answer.
#[derive(Clone)]
pub(super) struct ListMemory(Option<Arc<Lists>>);

type Lists = Cache<UserId, IcpList, Weight>;

impl ListMemory {
    /// One that keeps so many bytes; nothing when that is 0.
    pub(super) fn new(max_bytes: usize) -> Self {
        let options = OptionsBuilder::new()
            // All of it in one place, so that a long list finds room.
            .shards(1)
            .estimated_items_capacity(max_bytes / USUAL)
            .weight_capacity(max_bytes as u64)
            .build();
        let lists = options.ok().filter(|_| max_bytes > 0).map(|options| {
            Lists::with_options(options, Weight, DefaultHashBuilder::default(), DefaultLifecycle::default())
        });
        Self(lists.map(Arc::new))
    }

    /// What was read for this query the last time.
    pub(super) fn recall(&self, query: &ListQuery) -> Option<IcpList> {
        self.lists_for(query)?.get(query.scope.member())
    }

    /// Keeps what was read for this query, if it is a whole list.
    pub(super) fn remember(&self, query: &ListQuery, list: &IcpList) {
        if list.next.is_none()
            && let Some(lists) = self.lists_for(query)
        {
            lists.insert(query.scope.member().clone(), list.clone());
        }
    }

    /// Whoever writes has another list in a moment.
    pub(super) fn forget(&self, member: &UserId) {
        if let Some(lists) = &self.0 {
            lists.remove(member);
        }
    }

    /// Other queries differ too much from each other to come again.
    fn lists_for(&self, query: &ListQuery) -> Option<&Lists> {
        self.0.as_deref().filter(|_| query.is_for_everything())
    }
}

/// How long most lists are, in bytes, more or less.
const USUAL: usize = 4096;

/// What a list takes beside its text, about, in bytes: its owner, its version, and the place for them.
const BESIDE: usize = 256;

#[derive(Clone)]
struct Weight;

impl Weighter<UserId, IcpList> for Weight {
    fn weight(&self, _: &UserId, list: &IcpList) -> u64 {
        (list.icps.bytes() + BESIDE) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use icp_domain::{Caller, IcpId, IcpPatch, NewIcp, UserId, WireList};
    use icp_ports::{IcpList, ListQuery, SystemClock};
    use icp_testkit::fixtures::user;
    use icp_testkit::memory::InMemoryDatabase;

    use super::ListMemory;
    use crate::icps::{IcpService, Known, ListRequest, Listed, random_id};
    use crate::measured::Measured;
    use crate::metrics::Metrics;

    fn everything_of(member: UserId) -> ListQuery {
        ListQuery::everything(Caller::user(member).list_scope())
    }

    fn list_of(bytes: usize) -> IcpList {
        let icps: WireList = [" ".repeat(bytes)].into_iter().collect();
        IcpList { icps, ..IcpList::default() }
    }

    #[test]
    fn it_is_bounded_by_the_bytes_of_its_lists() {
        let memory = ListMemory::new(100_000);
        let query = |number| everything_of(user(&format!("user_{number}")));
        for number in 0..1_000 {
            memory.remember(&query(number), &list_of(1_000));
        }
        let kept = (0..1_000).filter(|number| memory.recall(&query(*number)).is_some()).count();
        assert!((50..=100).contains(&kept), "{kept}");
        memory.remember(&query(1_000), &list_of(200_000));
        assert_eq!(memory.recall(&query(1_000)), None);
        memory.remember(&query(1_001), &list_of(90_000));
        assert!(memory.recall(&query(1_001)).is_some(), "a list may be most of it");
    }

    #[test]
    fn many_who_come_once_do_not_drive_out_who_comes_often() {
        let memory = ListMemory::new(100_000);
        let often = everything_of(user("user_ada"));
        memory.remember(&often, &list_of(1_000));
        for number in 0..1_000 {
            memory.remember(&everything_of(user(&format!("user_{number}"))), &list_of(1_000));
            if number % 20 == 0 {
                assert!(memory.recall(&often).is_some(), "after {number}");
            }
        }
    }

    #[test]
    fn only_whole_lists_of_everything_are_kept() {
        let memory = ListMemory::new(100_000);
        let ada = everything_of(user("user_ada"));
        let page = ListQuery { limit: Some(1), ..ada.clone() };
        memory.remember(&page, &list_of(1));
        assert_eq!((memory.recall(&page), memory.recall(&ada)), (None, None));
        let none = ListMemory::new(0);
        none.remember(&ada, &list_of(1));
        assert_eq!(none.recall(&ada), None);
    }

    /// A service whose reads of lists are counted.
    struct Fixture {
        icps: IcpService,
        metrics: Metrics,
    }

    impl Fixture {
        fn new() -> Self {
            let metrics = Metrics::new(Vec::new());
            let repository = Measured::new(Arc::new(InMemoryDatabase::default()), &metrics);
            let icps = IcpService::new(Arc::new(repository), Arc::new(SystemClock), random_id);
            Self { icps: icps.remembering_lists(100_000), metrics }
        }

        async fn list(&self, member: &str) -> String {
            let caller = Caller::user(user(member));
            match self.icps.list(&caller, &ListRequest::default(), None).await.expect("it lists") {
                Listed::Icps { icps, .. } => icps.to_json(),
                other => panic!("{other:?}"),
            }
        }

        /// How often a list was read, documents and all, and how often its version was asked for.
        fn reads_and_questions(&self) -> (u32, u32) {
            let text = self.metrics.text().expect("it is text");
            let count = |operation: &str| {
                let line = format!(
                    "icp_database_operation_duration_seconds_count{{operation=\"{operation}\",outcome=\"ok\"}} "
                );
                let count = text.lines().find_map(|found| found.strip_prefix(&line));
                count.map_or(0, |count| count.parse().expect("a number"))
            };
            (count("list"), count("list_version"))
        }

        async fn create(&self, member: &str, body: &str) -> IcpId {
            let new = NewIcp::from_json(body).expect("it is right");
            self.icps.create(&Caller::user(user(member)), new).await.expect("it creates").id
        }

        async fn patch(&self, member: &str, id: IcpId, body: &str) {
            let patch = IcpPatch::from_json(body).expect("it is right");
            self.icps.update(&Caller::user(user(member)), id, patch, None).await.expect("it patches");
        }
    }

    const SHARED: &str = r#"{"name": "shared", "leadProviderCriteria": [], "userIds": ["user_bob"]}"#;

    #[tokio::test]
    async fn a_list_is_read_once_for_as_long_as_it_stays_as_it_is() {
        let fixture = Fixture::new();
        fixture.create("user_ada", SHARED).await;
        let first = fixture.list("user_bob").await;
        for _ in 0..3 {
            assert_eq!(fixture.list("user_bob").await, first);
        }
        assert_eq!(fixture.reads_and_questions(), (1, 3));
        fixture.create("user_ada", r#"{"name": "hers", "leadProviderCriteria": []}"#).await;
        assert_eq!(fixture.list("user_bob").await, first);
        assert_eq!(fixture.reads_and_questions(), (1, 4), "what others have is nothing to him");
    }

    #[tokio::test]
    async fn whoever_writes_has_another_list_and_nothing_is_asked_about_the_one_that_was_kept() {
        let fixture = Fixture::new();
        let id = fixture.create("user_ada", SHARED).await;
        fixture.list("user_ada").await;
        fixture.patch("user_ada", id, r#"{"name": "renamed"}"#).await;
        assert!(fixture.list("user_ada").await.contains(r#""name":"renamed""#));
        assert_eq!(fixture.reads_and_questions(), (2, 0));
    }

    #[tokio::test]
    async fn whatever_somebody_else_changes_is_in_the_next_answer() {
        let fixture = Fixture::new();
        let id = fixture.create("user_ada", SHARED).await;
        assert!(fixture.list("user_bob").await.contains(r#""name":"shared""#));
        fixture.patch("user_ada", id, r#"{"name": "renamed"}"#).await;
        assert!(fixture.list("user_bob").await.contains(r#""name":"renamed""#));
        fixture.create("user_ada", &SHARED.replace("shared", "second")).await;
        assert!(fixture.list("user_bob").await.contains(r#""name":"second""#));
        fixture.patch("user_ada", id, r#"{"userIds": ["user_ada"]}"#).await;
        assert!(!fixture.list("user_bob").await.contains("renamed"), "his access was revoked");
    }

    #[tokio::test]
    async fn a_client_that_has_the_list_gets_none_and_one_that_has_an_older_one_gets_it() {
        let fixture = Fixture::new();
        let id = fixture.create("user_ada", SHARED).await;
        let bob = Caller::user(user("user_bob"));
        let list = async |known: Option<&Known<_>>| {
            fixture.icps.list(&bob, &ListRequest::default(), known).await.expect("it lists")
        };
        let Listed::Icps { version: first, .. } = list(None).await else { panic!("it is short") };
        let known = Known::Of(vec![first]);
        assert!(matches!(list(Some(&known)).await, Listed::Unchanged(version) if version == first));
        fixture.patch("user_ada", id, r#"{"name": "renamed"}"#).await;
        assert!(matches!(list(Some(&known)).await, Listed::Icps { version, .. } if version != first));
    }
}
