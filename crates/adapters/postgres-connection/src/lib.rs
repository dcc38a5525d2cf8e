#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod connector;
mod tls;
mod url;

pub use connector::{ConnectError, Connection, Connector};
pub use tls::InvalidTls;
pub use url::InvalidUrl;
