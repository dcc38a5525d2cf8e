use icp_domain::IcpDocument;
use icp_ports::{IcpList, ListCursor, ListFilter, ListQuery, ListStart, Sort, SortKey, Version};
use icp_storage::ListBuilder;

use super::State;

impl State {
    pub(super) fn list(&self, query: &ListQuery) -> IcpList {
        let mut list = ListBuilder::for_query(query);
        let mut end = None;
        for (cursor, document, version) in self.matches(query) {
            if list.push(document.id(), version, Some(document.json())) {
                end = Some(cursor);
            }
        }
        list.finish(end)
    }

    /// Returns the ICPs that match the query, in the order of the query and from its start.
    fn matches(&self, query: &ListQuery) -> Vec<(ListCursor, &IcpDocument, Version)> {
        let mut matches: Vec<_> = self
            .icps
            .values()
            .filter(|(document, _)| query.scope.includes(document.user_ids()))
            .filter(|(document, _)| matches_filter(document, &query.filter))
            .map(|(document, version)| (cursor(document, query.sort()), document, *version))
            .filter(|(cursor, ..)| match &query.start {
                ListStart::Beginning(_) => true,
                ListStart::After(start) => cursor.compare(start, query.direction).is_gt(),
            })
            .collect();
        matches.sort_by(|(left, ..), (right, ..)| left.compare(right, query.direction));
        matches
    }
}

fn matches_filter(document: &IcpDocument, filter: &ListFilter) -> bool {
    let ListFilter { activity, updated_since, expires_from, expires_before, name, provider } = filter;
    let active_until = document.active_until();
    activity.is_none_or(|activity| activity.matches(active_until))
        && updated_since.is_none_or(|since| document.updated_at() >= since)
        && expires_from.is_none_or(|from| active_until.is_some_and(|end| end >= from))
        && expires_before.is_none_or(|before| active_until.is_some_and(|end| end < before))
        && name.as_ref().is_none_or(|name| document.folded_name().contains(name))
        && provider.as_ref().is_none_or(|provider| document.providers().contains(provider))
}

fn cursor(document: &IcpDocument, sort: Sort) -> ListCursor {
    let key = match sort {
        Sort::CreatedAt => SortKey::CreatedAt(document.created_at()),
        Sort::UpdatedAt => SortKey::UpdatedAt(document.updated_at()),
        Sort::Name => SortKey::Name(document.folded_name().chars().take(SortKey::MAX_NAME_CHARS).collect()),
        Sort::ActiveUntil => SortKey::ActiveUntil(document.active_until()),
    };
    ListCursor { key, id: document.id() }
}
