#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod admin;
mod authenticator;
mod claims;
mod credentials;
mod error;
mod header;
mod keys;
mod publishable_key;
mod rejection;
mod settings;

pub use admin::{AdminRule, ClaimPointer};
pub use authenticator::ClerkAuthenticator;
pub use error::{InvalidSetting, StartError};
pub use keys::{KeySetSettings, KeySetStatus, KeySetUrl, KeySource, PublicKey};
pub use publishable_key::PublishableKey;
pub use settings::{ClerkSettings, OAuthResource, SessionCookie};
