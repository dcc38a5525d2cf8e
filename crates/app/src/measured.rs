//! The ports with a clock beside them: every operation is measured, and has its span in a trace.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use icp_domain::{AccessScope, Caller, IcpChange, IcpDocument, IcpId, Timestamp};
use icp_ports::{
    AuthenticationError, Authenticator, Creation, Credentials, Health, HealthCheck, IcpList, IcpReader,
    IcpRepository, IdempotencyKey, ListQuery, ListVersion, Lookup, Measurement, RepositoryError, StoredIcp,
    Version,
};
use tracing::Instrument as _;

use crate::metrics::{Metrics, Refused};
use crate::telemetry;

/// A port that is measured.
pub(crate) struct Measured<P: ?Sized> {
    port: Arc<P>,
    metrics: Metrics,
}

impl<P: ?Sized> Measured<P> {
    pub(crate) fn new(port: Arc<P>, metrics: &Metrics) -> Self {
        Self { port, metrics: metrics.clone() }
    }

    async fn operate<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        let start = Instant::now();
        let result = work.instrument(telemetry::operation_span(operation)).await;
        let outcome = match &result {
            Ok(_) => "ok",
            Err(RepositoryError::Unavailable(_)) => "unavailable",
            Err(RepositoryError::Overloaded) => "overloaded",
            Err(RepositoryError::Backend(_)) => "failed",
        };
        self.metrics.operated(operation, outcome, start.elapsed());
        if matches!(result, Err(RepositoryError::Overloaded)) {
            self.metrics.refused(Refused::Overload);
        }
        result
    }
}

#[async_trait]
impl<P: IcpReader + ?Sized> IcpReader for Measured<P> {
    async fn list(&self, query: &ListQuery) -> Result<IcpList, RepositoryError> {
        self.operate("list", self.port.list(query)).await
    }

    async fn list_version(&self, query: &ListQuery) -> Result<ListVersion, RepositoryError> {
        self.operate("list_version", self.port.list_version(query)).await
    }

    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError> {
        self.operate("get", self.port.get(id, scope)).await
    }

    async fn version(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<Version>, RepositoryError> {
        self.operate("version", self.port.version(id, scope)).await
    }
}

#[async_trait]
impl<P: IcpRepository + ?Sized> IcpRepository for Measured<P> {
    async fn create(&self, document: &IcpDocument) -> Result<Version, RepositoryError> {
        self.operate("create", self.port.create(document)).await
    }

    async fn create_once(
        &self,
        document: &IcpDocument,
        key: &IdempotencyKey,
    ) -> Result<Creation, RepositoryError> {
        self.operate("create_once", self.port.create_once(document, key)).await
    }

    async fn update(
        &self,
        change: &IcpChange,
        expected: Version,
    ) -> Result<Option<Version>, RepositoryError> {
        self.operate("update", self.port.update(change, expected)).await
    }

    async fn delete(&self, id: IcpId, expected: Version) -> Result<bool, RepositoryError> {
        self.operate("delete", self.port.delete(id, expected)).await
    }

    async fn remove_expired_keys(&self, now: Timestamp) -> Result<u64, RepositoryError> {
        self.operate("remove_expired_keys", self.port.remove_expired_keys(now)).await
    }
}

#[async_trait]
impl<P: HealthCheck + ?Sized> HealthCheck for Measured<P> {
    async fn health(&self) -> Health {
        self.port.health().await
    }

    fn measurements(&self) -> Vec<Measurement> {
        self.port.measurements()
    }
}

#[async_trait]
impl<P: Authenticator + ?Sized> Authenticator for Measured<P> {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Caller, AuthenticationError> {
        let result = self.port.authenticate(credentials).instrument(telemetry::sign_in_span()).await;
        self.metrics.signed_in(match &result {
            Ok(_) => "accepted",
            Err(AuthenticationError::Unauthenticated(reason)) => reason,
            Err(AuthenticationError::Unavailable(_)) => "unavailable",
        });
        result
    }
}
