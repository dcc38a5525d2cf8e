//! Lists with filters, in every order.

use icp_domain::{Activity, IcpDocument, Timestamp};
use icp_ports::{Direction, IcpList, ListCursor, ListFilter, ListQuery, ListStart, Sort, SortKey};

use super::support::{TestRepository, all_icps_query, json_array};
use crate::fixtures::{icp, id};

const SORTS: [Sort; 4] = [Sort::CreatedAt, Sort::UpdatedAt, Sort::Name, Sort::ActiveUntil];
const DIRECTIONS: [Direction; 2] = [Direction::Ascending, Direction::Descending];

/// Returns queries for all ICPs of `user_ada`, one for each order.
pub(super) fn queries_in_every_order() -> impl Iterator<Item = ListQuery> + Clone {
    SORTS.into_iter().flat_map(|sort| {
        DIRECTIONS.map(|direction| ListQuery {
            start: ListStart::Beginning(sort),
            direction,
            ..all_icps_query("user_ada")
        })
    })
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("the time must be valid")
}

fn name_key(document: &IcpDocument) -> String {
    document.folded_name().chars().take(SortKey::MAX_NAME_CHARS).collect()
}

fn folded(name: &str) -> String {
    icp(1).with("name", name).document().folded_name().to_owned()
}

/// The latest possible `activeUntil`.
const LAST_END: &str = "9999-12-31T23:59:59.999Z";
/// The values of `activeUntil` of the ICPs that [`varied_icps`] returns. Some of these ICPs have no `activeUntil`.
const ENDS: [&str; 3] = ["2024-03-01T00:00:00.000Z", "2024-03-01T00:00:00.001Z", LAST_END];

/// Returns ICPs that have many values in common, so that each filter matches several ICPs, and several ICPs have the
/// same sort key.
pub(super) fn varied_icps() -> Vec<IcpDocument> {
    let long_name = "é".repeat(SortKey::MAX_NAME_CHARS);
    let longer_name = format!("{long_name}, longer than the sort key");
    let names = [
        "Alpha",
        "ALPHA",
        "alphabet",
        "Ömega",
        "ÖMEGA 100%",
        "under_score",
        "日本",
        "İstanbul",
        &long_name,
        &longer_name,
    ];
    (0..96_u128)
        .map(|number| {
            let pick = |list: &[&str]| {
                let index = usize::try_from(number).expect("the number must fit");
                (*list.iter().cycle().nth(index).expect("the cycle must not end")).to_owned()
            };
            let builder = icp(1 + (number * 37) % 96)
                .created_at(&format!("2024-01-0{}T00:00:00.000Z", 1 + number % 5))
                .with("updatedAt", format!("2024-02-0{}T00:00:00.000Z", 1 + number % 7))
                .with("name", pick(&names));
            let builder = if number % 4 == 0 { builder } else { builder.with("activeUntil", pick(&ENDS)) };
            let crm = serde_json::json!({"provider": "bullhorn", "filters": []});
            if number % 3 == 0 { builder.with("crmFilters", crm) } else { builder }.document()
        })
        .collect()
}

/// Returns the documents that match a query, in the order of the query. This is a simple implementation of the rules.
/// It ignores the position after which the query starts, and its limits.
pub(super) fn expected_documents<'a>(
    documents: &'a [IcpDocument],
    query: &ListQuery,
) -> Vec<&'a IcpDocument> {
    let matches = |document: &&IcpDocument| {
        let filter = &query.filter;
        let has_bullhorn = document.json().contains(r#""provider":"bullhorn""#);
        filter.activity.is_none_or(|activity| activity.matches(document.active_until()))
            && filter.updated_since.is_none_or(|since| document.updated_at() >= since)
            && filter.expires_from.is_none_or(|from| document.active_until() >= Some(from))
            && filter.expires_before.is_none_or(|before| {
                document.active_until().is_some_and(|active_until| active_until < before)
            })
            && filter.name.as_ref().is_none_or(|name| document.folded_name().contains(name))
            && filter.provider.as_ref().is_none_or(|name| match name.as_str() {
                "bullhorn" => has_bullhorn,
                name => name == "baseProvider",
            })
    };
    let mut matching: Vec<_> = documents.iter().filter(matches).collect();
    matching.sort_by(|left, right| {
        let by_key = match query.sort() {
            Sort::CreatedAt => left.created_at().cmp(&right.created_at()),
            Sort::UpdatedAt => left.updated_at().cmp(&right.updated_at()),
            Sort::Name => name_key(left).cmp(&name_key(right)),
            Sort::ActiveUntil => left.active_until().cmp(&right.active_until()),
        };
        by_key.then(left.id().cmp(&right.id()))
    });
    if query.direction == Direction::Descending {
        matching.reverse();
    }
    if query.sort() == Sort::ActiveUntil {
        // ICPs without `activeUntil` are last. The sort is stable, so all other ICPs keep their order.
        matching.sort_by_key(|document| document.active_until().is_none());
    }
    matching
}

pub(super) fn filters() -> Vec<ListFilter> {
    let middle = time("2024-03-01T00:00:00.000Z");
    let no_filter = ListFilter::default();
    let name = |text: &str| ListFilter { name: Some(folded(text)), ..ListFilter::default() };
    let provider = |text: &str| ListFilter { provider: Some(text.to_owned()), ..ListFilter::default() };
    let activity = |activity| ListFilter { activity: Some(activity), ..ListFilter::default() };
    let all_at_once = ListFilter {
        activity: Some(Activity::ActiveAt(middle)),
        updated_since: Some(time("2024-02-03T00:00:00.000Z")),
        expires_from: Some(time("2024-03-01T00:00:00.001Z")),
        expires_before: Some(Timestamp::MAX),
        name: Some("a".to_owned()),
        provider: Some("bullhorn".to_owned()),
    };
    let mut filters = vec![no_filter.clone(), all_at_once];
    filters.extend([Activity::ActiveAt(middle), Activity::ExpiredAt(middle)].map(activity));
    let times = ["2024-02-04T00:00:00.000Z", "2024-02-04T00:00:00.001Z", "2025-01-01T00:00:00.000Z"];
    filters.extend(times.map(|since| ListFilter { updated_since: Some(time(since)), ..no_filter.clone() }));
    let expiry = |expires_from: Option<&str>, expires_before: Option<&str>| ListFilter {
        expires_from: expires_from.map(time),
        expires_before: expires_before.map(time),
        ..ListFilter::default()
    };
    filters.extend(ENDS.map(|end| expiry(Some(end), None)));
    filters.extend(ENDS.map(|end| expiry(None, Some(end))));
    let [first, second, _] = ENDS;
    let ranges = [(first, second), (first, first), (second, first), ("0000-01-01T00:00:00.000Z", second)];
    filters.extend(ranges.map(|(from, before)| expiry(Some(from), Some(before))));
    filters.push(ListFilter { activity: Some(Activity::ActiveAt(middle)), ..expiry(None, Some(LAST_END)) });
    filters.extend(["alpha", "Öm", "100%", "%", "_", "本", "İs", "'", "nowhere", "\\"].map(name));
    filters.extend(["baseProvider", "bullhorn", "base", "Bullhorn", "\"", ","].map(provider));
    filters
}

pub(super) async fn every_filter_matches_exactly_in_every_order(repository: TestRepository) {
    let documents = varied_icps();
    repository.insert_all(documents.clone()).await;
    repository.insert_all([icp(1_000).users(["user_bob"]).document()]).await;
    for filter in filters() {
        for order in queries_in_every_order() {
            let query = ListQuery { filter: filter.clone(), ..order };
            let list = repository.read_list(&query).await;
            assert_eq!(list.icps.to_json(), json_array(expected_documents(&documents, &query)), "{query:?}");
            assert_eq!(list.next, None, "{query:?}");
        }
    }
}

pub(super) async fn u0000_in_filter_or_cursor_is_accepted(repository: TestRepository) {
    let documents = [icp(1).with("name", "a").document(), icp(2).with("name", "b").document()];
    repository.insert_all(documents.clone()).await;
    let filters = ["\0", "a\0", "\0a"].map(str::to_owned).into_iter().flat_map(|text| {
        let name = ListFilter { name: Some(text.clone()), ..ListFilter::default() };
        [name, ListFilter { provider: Some(text), ..ListFilter::default() }]
    });
    for filter in filters {
        let query = ListQuery { filter, ..all_icps_query("user_ada") };
        let IcpList { icps, next, .. } = repository.read_list(&query).await;
        assert_eq!((icps.to_json().as_str(), next), ("[]", None), "{query:?}");
    }
    // A client can send a cursor with any text.
    let cursor = ListCursor { key: SortKey::Name("a\0".to_owned()), id: id(1) };
    let query = ListQuery { start: ListStart::After(cursor), ..all_icps_query("user_ada") };
    let after = repository.read_list(&query).await.icps.to_json();
    assert_eq!(
        after,
        json_array(documents.iter().skip(1)),
        "`a` must be sorted before the cursor, and `b` after the cursor"
    );
}
