#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod admin;
mod authenticator;
mod claims;
mod credentials;
mod header;
mod keys;
mod memory;
mod publishable_key;
mod reason;
mod settings;
mod sound;
mod times;
mod token;

pub use admin::{AdminRule, ClaimPointer, InvalidClaimPointer};
pub use authenticator::{ClerkAuthenticator, StartError};
pub use keys::{InvalidKeySetUrl, InvalidPemKey, KeySetSettings, KeySetStatus, KeySetUrl, KeySource, PemKey};
pub use publishable_key::{InvalidPublishableKey, PublishableKey};
pub use settings::{ClerkSettings, SessionCookie};
