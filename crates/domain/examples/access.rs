//! Decides who may see and change an ICP, and applies a change.
//!
//! `cargo run -p icp-domain --example access`

use std::error::Error;

use icp_domain::{Caller, IcpPatch, NewIcp, PatchError, Timestamp, UserId};

fn main() -> Result<(), Box<dyn Error>> {
    let ada: UserId = "user_ada".parse()?;
    let now: Timestamp = "2024-01-15T10:30:00Z".parse()?;
    let icp = NewIcp::builder("SMB").build()?.create(uuid::Uuid::from_u128(1).into(), &ada, now)?;

    let callers = [
        ("its user", Caller::user(ada)),
        ("another user", Caller::user("user_bob".parse()?)),
        ("an admin", Caller::admin("user_root".parse()?)),
    ];
    for (who, caller) in &callers {
        println!(
            "{who}: may access the ICP: {}, has the ICP in the list: {}, may remove all users: {}",
            caller.may_access(&icp.user_ids),
            caller.list_scope().includes(&icp.user_ids),
            caller.may_set_users(&[]),
        );
        // `apply` checks the access rule itself.
        let patch = IcpPatch::from_json(r#"{"name": "SMB, renamed"}"#, caller)?;
        match patch.apply(&icp, caller, now) {
            Ok(Some(changed)) => {
                println!("  renamed the ICP to {:?} at {}", changed.name, changed.updated_at);
            }
            Ok(None) => println!("  changed nothing"),
            Err(PatchError::Forbidden) => println!("  may not change the ICP: 403"),
            Err(PatchError::Invalid(violations)) => println!("  sent an invalid patch, 400: {violations}"),
            Err(PatchError::Stale) => println!("  edited an older version: 412"),
        }
    }
    Ok(())
}
