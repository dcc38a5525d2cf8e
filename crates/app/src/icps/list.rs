use std::num::NonZeroUsize;

use icp_domain::{Activity, Caller, Timestamp};
use icp_ports::{
    Conditional, Direction, IcpList, ListFilter, ListQuery, ListStart, ListVersion, Sort, WireList,
};

use super::cursor::Cursor;
use super::rest::Rest;
use super::{IcpService, Known, Refusal};

/// What a client asks of the list. By default all of it, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListRequest {
    pub(crate) active: Option<bool>,
    pub(crate) updated_since: Option<Timestamp>,
    /// In lower case.
    pub(crate) name: Option<String>,
    pub(crate) provider: Option<String>,
    pub(crate) sort: Sort,
    pub(crate) direction: Direction,
    pub(crate) limit: Option<NonZeroUsize>,
    /// What an answer before this one gave as the way to the next page.
    pub(crate) cursor: Option<String>,
}

/// What a client gets of the list.
#[derive(Debug)]
pub(crate) enum Listed {
    Icps {
        icps: WireList,
        version: ListVersion,
        /// The way to the next page, where there is one.
        cursor: Option<String>,
    },
    /// One that is too long to be held at once.
    Parts { first: WireList, version: ListVersion, rest: Rest },
    /// It is still in a state that the client knows.
    Unchanged(ListVersion),
}

impl IcpService {
    /// Returns the ICPs that name the caller, unless the list is at one of the versions that the client has.
    ///
    /// The repository confirms the version of every answer. It reads documents only if neither the client nor the cache has
    /// that version.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        request: &ListRequest,
        known: Option<&Known<ListVersion>>,
    ) -> Result<Listed, Refusal> {
        let query = self.query(caller, request)?;
        let reader = self.reader_for(caller);
        let cached = self.list_cache.get(&query);
        let mut versions = match known {
            Some(Known::Of(versions)) => versions.clone(),
            Some(Known::Any) | None => Vec::new(),
        };
        versions.extend(cached.as_ref().map(|list| list.version));
        let list = match (reader.list_if_changed(&query, &versions).await?, cached) {
            (Conditional::Changed(list), _) => {
                self.list_cache.insert(&query, &list);
                list
            }
            (Conditional::Unchanged(version), Some(list)) if list.version == version => list,
            (Conditional::Unchanged(version), _) => return Ok(Listed::Unchanged(version)),
        };
        if known.is_some_and(|known| known.contains(&list.version)) {
            return Ok(Listed::Unchanged(list.version));
        }
        let IcpList { icps, version, next } = list;
        Ok(match next {
            Some(cursor) if request.limit.is_none() => {
                Listed::Parts { first: icps, version, rest: Rest::new(reader, query, cursor) }
            }
            next => {
                let cursor = next.map(|cursor| Cursor::new(caller, request).encode(&cursor));
                Listed::Icps { icps, version, cursor }
            }
        })
    }

    fn query(&self, caller: &Caller, request: &ListRequest) -> Result<ListQuery, Refusal> {
        let start = match &request.cursor {
            Some(cursor) => {
                let cursor = Cursor::new(caller, request).decode(cursor);
                ListStart::After(cursor.ok_or(Refusal::ForeignCursor)?)
            }
            None => ListStart::Beginning(request.sort),
        };
        let now = request.active.map(|active| (active, self.clock.now()));
        Ok(ListQuery {
            scope: caller.list_scope(),
            filter: ListFilter {
                activity: now.map(
                    |(active, now)| {
                        if active { Activity::ActiveAt(now) } else { Activity::ExpiredAt(now) }
                    },
                ),
                updated_since: request.updated_since,
                name: request.name.clone(),
                provider: request.provider.clone(),
            },
            start,
            direction: request.direction,
            limit: request.limit,
            max_bytes: Some(self.max_bytes),
        })
    }
}
