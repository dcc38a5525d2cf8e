use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use icp_domain::{AccessScope, Caller, IcpChange, IcpDocument, IcpId, Timestamp};
use icp_ports::{
    AuthenticationError, Authenticator, Conditional, Creation, Creator, Credentials, Health, HealthCheck,
    HistoryPage, HistoryQuery, IcpHistory, IcpList, IcpReader, IcpRepository, IdempotencyKey, ListPart,
    ListQuery, ListVersion, Lookup, Quota, Replacement, RepositoryError, Revision, Stamp, StoredIcp, Version,
};
use tracing::Instrument as _;

use crate::metrics::Metrics;
use crate::traces::{operation_span, sign_in_span};

/// A port whose operations, except health checks, have a metric and a span.
pub struct Instrumented<P: ?Sized> {
    port: Arc<P>,
    metrics: Metrics,
}

impl<P: ?Sized> Instrumented<P> {
    /// Instruments a port.
    pub fn new(port: Arc<P>, metrics: &Metrics) -> Self {
        Self { port, metrics: metrics.clone() }
    }

    /// Measures an operation. The metric of a successful operation has the outcome `ok`.
    async fn operate<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        self.observe(operation, |_| "ok", work).await
    }

    /// Measures an operation. `outcome` returns the outcome of a successful operation, for the metric.
    async fn observe<T>(
        &self,
        operation: &'static str,
        outcome: impl Fn(&T) -> &'static str,
        work: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        let start = Instant::now();
        let result = work.instrument(operation_span(operation)).await;
        let outcome = match &result {
            Ok(value) => outcome(value),
            Err(RepositoryError::AlreadyExists(_)) => "exists",
            Err(RepositoryError::Unavailable(_)) => "unavailable",
            Err(RepositoryError::Overloaded) => "overloaded",
            Err(RepositoryError::Backend(_)) => "failed",
        };
        self.metrics.record_operation(operation, outcome, start.elapsed());
        result
    }
}

fn conditional_outcome<T, V>(result: &Conditional<T, V>) -> &'static str {
    match result {
        Conditional::Changed(_) => "ok",
        Conditional::Unchanged(_) => "unchanged",
    }
}

#[async_trait]
impl<P: IcpReader + ?Sized> IcpReader for Instrumented<P> {
    async fn list(&self, query: &ListQuery) -> Result<IcpList, RepositoryError> {
        self.operate("list", self.port.list(query)).await
    }

    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError> {
        self.operate("get", self.port.get(id, scope)).await
    }

    async fn list_if_changed(
        &self,
        query: &ListQuery,
        known: &[ListVersion],
    ) -> Result<Conditional<IcpList, ListVersion>, RepositoryError> {
        self.observe("list", conditional_outcome, self.port.list_if_changed(query, known)).await
    }

    async fn list_part(&self, query: &ListQuery) -> Result<ListPart, RepositoryError> {
        self.operate("list_part", self.port.list_part(query)).await
    }

    async fn get_if_changed(
        &self,
        id: IcpId,
        scope: &AccessScope,
        known: &[Version],
    ) -> Result<Lookup<Conditional<StoredIcp, Version>>, RepositoryError> {
        let outcome = |found: &Lookup<_>| match found {
            Lookup::Found(result) => conditional_outcome(result),
            Lookup::Forbidden | Lookup::Absent => "ok",
        };
        self.observe("get", outcome, self.port.get_if_changed(id, scope, known)).await
    }
}

#[async_trait]
impl<P: IcpRepository + ?Sized> IcpRepository for Instrumented<P> {
    async fn insert(
        &self,
        document: &IcpDocument,
        creator: &Creator,
        key: Option<&IdempotencyKey>,
    ) -> Result<Creation, RepositoryError> {
        self.operate("insert", self.port.insert(document, creator, key)).await
    }

    async fn replace(
        &self,
        change: &IcpChange,
        expected: Version,
        quota: Quota,
        stamp: &Stamp,
    ) -> Result<Replacement, RepositoryError> {
        self.operate("replace", self.port.replace(change, expected, quota, stamp)).await
    }

    async fn delete(&self, id: IcpId, expected: Version, stamp: &Stamp) -> Result<bool, RepositoryError> {
        self.operate("delete", self.port.delete(id, expected, stamp)).await
    }

    async fn remove_expired_keys(&self, now: Timestamp) -> Result<u64, RepositoryError> {
        self.operate("remove_expired_keys", self.port.remove_expired_keys(now)).await
    }
}

#[async_trait]
impl<P: IcpHistory + ?Sized> IcpHistory for Instrumented<P> {
    async fn revisions(
        &self,
        id: IcpId,
        scope: &AccessScope,
        query: &HistoryQuery,
    ) -> Result<Lookup<HistoryPage>, RepositoryError> {
        self.operate("revisions", self.port.revisions(id, scope, query)).await
    }

    async fn revision(
        &self,
        id: IcpId,
        version: Version,
        scope: &AccessScope,
        since: Timestamp,
    ) -> Result<Lookup<Option<Revision>>, RepositoryError> {
        self.operate("revision", self.port.revision(id, version, scope, since)).await
    }

    async fn deleted(
        &self,
        scope: &AccessScope,
        query: &HistoryQuery,
    ) -> Result<HistoryPage, RepositoryError> {
        self.operate("deleted", self.port.deleted(scope, query)).await
    }

    async fn undelete(
        &self,
        change: &IcpChange,
        deleted: Version,
        quota: Quota,
        stamp: &Stamp,
    ) -> Result<Replacement, RepositoryError> {
        self.operate("undelete", self.port.undelete(change, deleted, quota, stamp)).await
    }

    async fn remove_old_revisions(&self, replaced_before: Timestamp) -> Result<u64, RepositoryError> {
        let removing = self.port.remove_old_revisions(replaced_before);
        let removed = self.operate("remove_old_revisions", removing).await?;
        self.metrics.record_removed_revisions(removed);
        Ok(removed)
    }
}

#[async_trait]
impl<P: HealthCheck + ?Sized> HealthCheck for Instrumented<P> {
    async fn health(&self) -> Health {
        self.port.health().await
    }
}

#[async_trait]
impl<P: Authenticator + ?Sized> Authenticator for Instrumented<P> {
    async fn authenticate(&self, credentials: &dyn Credentials) -> Result<Caller, AuthenticationError> {
        let result = self.port.authenticate(credentials).instrument(sign_in_span()).await;
        self.metrics.record_sign_in(match &result {
            Ok(_) => "accepted",
            Err(AuthenticationError::Unauthenticated(reason)) => reason,
            Err(AuthenticationError::InsufficientScope) => "insufficient_scope",
            Err(AuthenticationError::Unavailable(_)) => "unavailable",
        });
        result
    }
}

impl<P: ?Sized> fmt::Debug for Instrumented<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Instrumented").finish_non_exhaustive()
    }
}
