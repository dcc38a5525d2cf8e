//! Builds the bodies of requests from Rust values, and shows how violations are reported.
//!
//! `cargo run -p icp-domain --example build`

use std::error::Error;

use icp_domain::criteria::{LeadProviderCriterion, MaxPeoplePerCompany, MinDaysUntilReuse, SearchType};
use icp_domain::{IcpPatch, NewIcp, Violation};

fn main() -> Result<(), Box<dyn Error>> {
    let search = r#"{"job_title": ["CTO", "VP of Engineering"], "location": ["Germany"]}"#.parse()?;
    let new = NewIcp::builder("Enterprise Tech Buyers")
        .search(LeadProviderCriterion::new(SearchType::Person, search))
        .filter(MaxPeoplePerCompany::new(3))
        .filter(MinDaysUntilReuse::default())
        .users(["user_bob".parse()?])
        .active_until("2030-01-01T00:00:00Z".parse()?)
        .build()?;
    println!("POST /api/v1/entities/icps\n{}\n", serde_json::to_string_pretty(&new)?);

    let patch = IcpPatch::builder().name("Tech Buyers").clear_active_until().build()?;
    println!("PATCH /api/v1/entities/icps/{{id}}\n{}\n", serde_json::to_string_pretty(&patch)?);

    // The service would refuse this body with the same violations, which a client can read.
    if let Err(violations) = NewIcp::builder(" ").leads_per_list(0).build() {
        let response = serde_json::to_string_pretty(violations.all())?;
        println!("400\n{response}");
        for violation in serde_json::from_str::<Vec<Violation>>(&response)? {
            println!("{}: {} ({})", violation.pointer, violation.detail, violation.code);
        }
    }
    Ok(())
}
