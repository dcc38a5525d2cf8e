use std::num::NonZeroUsize;

use icp_domain::{Activity, Caller, Timestamp};
use icp_ports::{
    Conditional, Direction, IcpList, ListFilter, ListQuery, ListStart, ListVersion, Sort, WireList,
};

use crate::cursor::CursorCodec;
use crate::{IcpService, LongList, Preconditions, ServiceError};

/// The parameters of a list. The default is a list of all ICPs of the caller, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// `true`: only ICPs that have not expired. `false`: only expired ICPs.
    pub active: Option<bool>,
    /// Only ICPs with an `updatedAt` at or after this time.
    pub updated_since: Option<Timestamp>,
    /// Only ICPs that expire at or after this time.
    pub expires_from: Option<Timestamp>,
    /// Only ICPs that expire before this time.
    pub expires_before: Option<Timestamp>,
    /// Only ICPs whose folded name contains this text. The text must be the result of [`icp_domain::fold_name`], so
    /// that upper and lower case are equal.
    pub name: Option<String>,
    /// Only ICPs with this provider of leads, custom filters or CRM data (see [`icp_domain::Icp::providers`]).
    pub provider: Option<String>,
    /// The sort key.
    pub sort: Sort,
    /// The direction of the order.
    pub direction: Direction,
    /// Maximum number of ICPs in the page. `None`: the complete list.
    pub limit: Option<NonZeroUsize>,
    /// The cursor that an earlier page returned.
    pub cursor: Option<String>,
}

/// The response to a [`ListRequest`].
#[derive(Debug)]
pub enum ListResponse {
    /// A complete list or a page, which is in memory.
    Buffered {
        /// The ICPs.
        icps: WireList,
        /// The version of the list.
        version: ListVersion,
        /// The cursor of the next page, if there is one.
        cursor: Option<String>,
    },
    /// The first part of a list that is too long to be buffered.
    Long {
        /// The first ICPs.
        first: WireList,
        /// The version of the complete list.
        version: ListVersion,
        /// The other ICPs.
        rest: LongList,
    },
    /// The client has the current version.
    NotModified(ListVersion),
}

impl IcpService {
    /// Returns the ICPs that match the request and whose `userIds` contain the caller, unless the client has the
    /// current version of the list.
    ///
    /// The repository or the replica confirms the version for every response. It need not read documents if the client
    /// or the cache has the current version.
    ///
    /// # Errors
    ///
    /// [`ServiceError::InvalidCursor`], [`ServiceError::PreconditionFailed`], or a failure of the storage.
    pub async fn list(
        &self,
        caller: &Caller,
        request: &ListRequest,
        preconditions: &Preconditions<ListVersion>,
    ) -> Result<ListResponse, ServiceError> {
        let query = self.query(caller, request)?;
        let reader = self.reader_for(caller);
        let cached = self.list_cache.get(&query);
        let cached_version = cached.as_ref().map(|list| list.version);
        let known: Vec<_> = preconditions.client_versions().iter().copied().chain(cached_version).collect();
        let list = match (reader.list_if_changed(&query, &known).await?, cached) {
            (Conditional::Changed(list), _) => self.list_cache.insert(&query, list),
            (Conditional::Unchanged(version), Some(list)) if list.version == version => list,
            (Conditional::Unchanged(version), _) => {
                preconditions.is_not_modified(&version)?;
                return Ok(ListResponse::NotModified(version));
            }
        };
        let IcpList { icps, version, next } = list;
        if preconditions.is_not_modified(&version)? {
            return Ok(ListResponse::NotModified(version));
        }
        Ok(match next {
            Some(next) if request.limit.is_none() => {
                // `version` may be from the primary, and a replica could return older states.
                let rest = LongList::new(self.repository.clone(), query, next);
                ListResponse::Long { first: icps, version, rest }
            }
            next => {
                let cursor = next.map(|next| CursorCodec::new(caller, request).encode(&next));
                ListResponse::Buffered { icps, version, cursor }
            }
        })
    }

    /// Checks the preconditions of a create, which refer to the version of the caller's list.
    /// Fails with [`ServiceError::PreconditionFailed`], or if the storage cannot be read.
    pub(crate) async fn check_list_version(
        &self,
        caller: &Caller,
        preconditions: &Preconditions<ListVersion>,
    ) -> Result<(), ServiceError> {
        if preconditions.is_empty() {
            return Ok(());
        }
        let query = self.query(caller, &ListRequest::default())?;
        let version = match self.repository.list_if_changed(&query, preconditions.client_versions()).await? {
            Conditional::Changed(list) => list.version,
            Conditional::Unchanged(version) => version,
        };
        preconditions.check_write(&version)
    }

    /// Converts a request to a query. Fails with [`ServiceError::InvalidCursor`].
    fn query(&self, caller: &Caller, request: &ListRequest) -> Result<ListQuery, ServiceError> {
        let start = match &request.cursor {
            Some(cursor) => {
                let cursor = CursorCodec::new(caller, request).decode(cursor);
                ListStart::After(cursor.ok_or(ServiceError::InvalidCursor)?)
            }
            None => ListStart::Beginning(request.sort),
        };
        let activity = request.active.map(|is_active| {
            let now = self.clock.now();
            if is_active { Activity::ActiveAt(now) } else { Activity::ExpiredAt(now) }
        });
        Ok(ListQuery {
            scope: caller.list_scope(),
            filter: ListFilter {
                activity,
                updated_since: request.updated_since,
                expires_from: request.expires_from,
                expires_before: request.expires_before,
                name: request.name.clone(),
                provider: request.provider.clone(),
            },
            start,
            direction: request.direction,
            limit: request.limit,
            max_bytes: Some(self.response_buffer),
        })
    }
}
