#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod authentication;
mod clock;
mod health;
mod idempotency;
mod import_export;
mod list;
mod migrations;
mod repository;
mod stored;

pub use authentication::{AuthenticationError, Authenticator, Credentials, RejectReason};
pub use clock::{Clock, SystemClock};
pub use health::{Health, HealthCheck};
pub use idempotency::{Creation, IdempotencyKey};
pub use import_export::{
    ExportSink, ImportExport, ImportExportError, ImportSource, ImportSummary, OnConflict,
};
pub use list::{
    Activity, Direction, IcpList, ListCursor, ListFilter, ListPart, ListQuery, ListStart, ListVersion, Sort,
    SortKey,
};
pub use migrations::{MigrationError, MigrationReport, Migrator};
pub use repository::{BoxError, IcpReader, IcpRepository, RepositoryError};
pub use stored::{Conditional, Lookup, StoredIcp, Version};
