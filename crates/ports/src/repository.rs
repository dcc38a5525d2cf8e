use std::error::Error;

use async_trait::async_trait;
use icp_domain::{AccessScope, IcpChange, IcpDocument, IcpId, Timestamp};

use crate::{
    Conditional, Creation, Creator, HealthCheck, IcpHistory, IcpList, IdempotencyKey, ListPart, ListQuery,
    ListVersion, Lookup, Quota, Replacement, Stamp, StoredIcp, Version,
};

/// An error of an adapter, as the source of a port's error.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Reads ICPs. `list` and `get` are required; the other methods exist for speed.
///
/// Every method is atomic and returns a state of the storage after the start of the call, so that revoked access has an
/// effect on the next request. An implementation MUST NOT return a cached result unless the storage confirmed during
/// the call that the result is current. (The reader of a replica may return an older state. It is used only for reads
/// that allow an older state.) An implementation MUST return within 5 seconds if its storage cannot be reached or
/// hangs. It MUST recover without a restart when the storage is available again. It MUST repeat a read whose connection
/// was lost, if time allows.
///
/// # Errors
///
/// Every method fails if the storage cannot be read: [`RepositoryError::Unavailable`], [`RepositoryError::Overloaded`]
/// or [`RepositoryError::Backend`]. A method MUST NOT fail because of the content of a document, an ID or a filter.
#[async_trait]
pub trait IcpReader: Send + Sync {
    /// Returns the ICPs that match `query`, in stored wire form and in the query's order.
    ///
    /// The list MUST contain exactly the ICPs for which [`icp_domain::ListScope::includes`] and the query's filter are
    /// true, from the query's start up to its limits. User IDs are compared byte by byte. The cost MUST depend on the
    /// number of ICPs in scope, not on the number of all ICPs. If the list is sorted by `createdAt` and has a limit and
    /// no filter, the cost MUST depend on the limit, not on the number of ICPs in scope. Memory MUST be bounded by
    /// [`ListQuery::max_bytes`].
    async fn list(&self, query: &ListQuery) -> Result<IcpList, RepositoryError>;

    /// Returns the stored ICP, if it is in `scope`.
    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError>;

    /// Returns the list, unless its version is one of `known`. For a known version, an implementation SHOULD NOT read
    /// documents.
    async fn list_if_changed(
        &self,
        query: &ListQuery,
        known: &[ListVersion],
    ) -> Result<Conditional<IcpList, ListVersion>, RepositoryError> {
        let list = self.list(query).await?;
        Ok(Conditional::of(list.version, list, known))
    }

    /// Returns a part of a long list. Unlike [`IcpReader::list`], this method does not compute the version of the list,
    /// because that can cost as much as reading the documents. A part can end before `max_bytes`, and the last part can
    /// be empty.
    async fn list_part(&self, query: &ListQuery) -> Result<ListPart, RepositoryError> {
        self.list(query).await.map(|IcpList { icps, next, .. }| ListPart { icps, next })
    }

    /// Returns the ICP, unless its version is one of `known`. For a known version, an implementation SHOULD NOT read
    /// the document.
    async fn get_if_changed(
        &self,
        id: IcpId,
        scope: &AccessScope,
        known: &[Version],
    ) -> Result<Lookup<Conditional<StoredIcp, Version>>, RepositoryError> {
        let found = self.get(id, scope).await?;
        Ok(found.map(|icp| Conditional::of(icp.version, icp, known)))
    }
}

/// Reads and writes ICPs.
///
/// Every write is atomic. Like an [`IcpReader`], an implementation MUST return within 5 seconds if its storage cannot
/// be reached or hangs. It MUST NOT repeat a write whose connection was lost, because the storage may have committed
/// it. A change is a compare-and-swap: it names the expected version, and does nothing if the ICP is at another
/// version. The caller then reads the ICP again and decides again. So the access check, which used the version that was
/// read, is still valid when the change succeeds.
///
/// If [`Stamp::keeps_replaced`] is true and the storage has a history, a change or delete MUST store the replaced state
/// in the history, once and in the same transaction. The history MUST NOT contain a copy of the current state, because
/// the ICP itself contains this state.
///
/// # Errors
///
/// As in [`IcpReader`].
#[async_trait]
pub trait IcpRepository: IcpReader + IcpHistory + HealthCheck {
    /// Stores a new ICP with its creator and, in the same transaction, the idempotency key. Fails with
    /// [`RepositoryError::AlreadyExists`] if an ICP has this ID.
    ///
    /// If the key was used before, an implementation MUST store nothing, and return [`Creation::Repeated`] or
    /// [`Creation::KeyReused`]. Otherwise, if the [`Quota`] of the creator refuses the insert, it MUST store nothing,
    /// and return [`Creation::QuotaReached`]. Concurrent calls together MAY exceed the quota. If the quota refuses the
    /// insert and an ICP has this ID, an implementation MAY report either.
    ///
    /// A key that was first used before [`IdempotencyKey::oldest_valid`] of the document's `createdAt` has expired. It
    /// counts as unused, and is replaced. Of several concurrent calls with one key, exactly one MUST store its
    /// document. A call that stores no document MUST NOT use up the key.
    async fn insert(
        &self,
        document: &IcpDocument,
        creator: &Creator,
        key: Option<&IdempotencyKey>,
    ) -> Result<Creation, RepositoryError>;

    /// Applies `change` to the ICP if the ICP is at the version `expected`.
    ///
    /// The quota is checked if [`Quota::is_counted`] is true for the bytes of the ICP and its history before and after
    /// the change. An implementation MUST then change nothing if, after the change, all data of the ICP's creator would
    /// exceed the bytes of `quota`. For an ICP without a creator, only this ICP and its history are compared with
    /// `quota`.
    async fn replace(
        &self,
        change: &IcpChange,
        expected: Version,
        quota: Quota,
        stamp: &Stamp,
    ) -> Result<Replacement, RepositoryError>;

    /// Deletes the ICP if it is at the version `expected`. Otherwise, or if the ICP does not exist, returns false and
    /// changes nothing. It MAY do the same while another caller writes the ICP. If [`Stamp::keeps_replaced`] is false,
    /// the ICP is not among the deleted ICPs, and its earlier revisions MAY be removed.
    async fn delete(&self, id: IcpId, expected: Version, stamp: &Stamp) -> Result<bool, RepositoryError>;

    /// Removes some idempotency keys that are no longer valid at `now`, and returns their number. The caller repeats
    /// the call until the result is 0. The default removes nothing, for storages that expire keys themselves.
    async fn remove_expired_keys(&self, _now: Timestamp) -> Result<u64, RepositoryError> {
        Ok(0)
    }
}

/// The reason why an operation of the storage failed.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// An ICP with this ID is stored already, or a document before it in an import has this ID. Nothing was changed.
    #[error("an ICP with the ID {0} already exists")]
    AlreadyExists(IcpId),
    /// The storage cannot be reached, or did not respond in time. A write may have been executed nevertheless. The
    /// caller may try again later.
    #[error("the storage cannot be reached")]
    Unavailable(#[source] BoxError),
    /// The storage serves the maximum number of requests, or the maximum for this user. Nothing was changed. The caller
    /// may try again after some milliseconds.
    #[error("the storage has too many requests")]
    Overloaded,
    /// The storage returned an error or an invalid result.
    #[error("the storage failed")]
    Backend(#[source] BoxError),
}
