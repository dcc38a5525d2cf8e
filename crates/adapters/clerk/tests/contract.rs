//! Runs the contract suite of the port `Authenticator` with a PEM key.

#![cfg(test)]

#[path = "authenticator/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "only the test target `authenticator` uses the other items")]
mod support;

use std::process::ExitCode;

use icp_clerk::{AdminRule, ClerkSettings};
use icp_domain::Caller;
use icp_testkit::contract::{self, SignIn};

use crate::support::{INSTANCE_KEY, claims, header, settings, start, token};

fn main() -> ExitCode {
    contract::run(contract::authenticator("clerk", async || {
        let admin = AdminRule {
            user_ids: Vec::new(),
            claim: Some("/metadata/role".parse().expect("the JSON Pointer must be valid")),
        };
        SignIn::new(start(ClerkSettings { admin, ..settings() }), authorization)
    }))
}

/// Returns a value of the `Authorization` header with which `caller` signs in.
fn authorization(caller: &Caller) -> Vec<u8> {
    let role = if caller.is_admin() { "admin" } else { "member" };
    let claims = claims().set("sub", &format!("\"{}\"", caller.user_id()));
    let claims = claims.set("metadata", &format!(r#"{{"role":"{role}"}}"#));
    format!("Bearer {}", token(&INSTANCE_KEY, &header(), &claims)).into_bytes()
}
