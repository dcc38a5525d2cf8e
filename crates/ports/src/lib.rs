#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod authentication;
mod clock;
mod health;
mod idempotency;
mod known_versions;
mod list;
mod repository;
mod schema;
mod stored;
mod transfer;

pub use authentication::{AuthenticationError, Authenticator, Credentials, Rejection};
pub use clock::{Clock, SystemClock};
pub use health::{Health, HealthCheck, Measured, Measurement};
pub use idempotency::{Creation, IdempotencyKey};
pub use known_versions::KnownVersions;
pub use list::{
    Activity, Direction, IcpList, ListFilter, ListQuery, ListVersion, ListVersionBuilder, Place, PlaceKey,
    Sort,
};
pub use repository::{BoxError, IcpReader, IcpRepository, RepositoryError};
pub use schema::{MigrationReport, Schema, SchemaError};
pub use stored::{Lookup, StoredIcp, Version};
pub use transfer::{ExportSink, IcpTransfer, ImportSource, ImportSummary, OnConflict, TransferError};
