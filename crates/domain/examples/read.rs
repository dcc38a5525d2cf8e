//! Reads the response of `GET /api/v1/entities/icps` and prints the searches for people, the filters and the providers
//! of its ICPs.
//!
//! `curl -H "Authorization: Bearer $TOKEN" $URL/api/v1/entities/icps | cargo run -p icp-domain --example read`

use std::error::Error;
use std::io::{self, IsTerminal as _};

use icp_domain::Icp;
use icp_domain::criteria::{CustomFilter, SearchType};

/// The default input, which is used if standard input is a terminal or empty.
const SAMPLE: &str = include_str!("../../../docs/reference/contract/example-list-icps.json");

fn main() -> Result<(), Box<dyn Error>> {
    let text = if io::stdin().is_terminal() { SAMPLE.to_owned() } else { io::read_to_string(io::stdin())? };
    let icps: Vec<Icp> = serde_json::from_str(if text.is_empty() { SAMPLE } else { &text })?;
    for icp in &icps {
        println!("{} ({} users, {} leads per list)", icp.name, icp.user_ids.len(), icp.leads_per_list);
        for search in icp.searches(&SearchType::Person) {
            println!("  searches {} for {}", search.provider, search.filters.as_str());
        }
        for filter in icp.filters() {
            match filter {
                CustomFilter::MaxPeoplePerCompany(filter) => {
                    println!("  at most {} per company", filter.value);
                }
                CustomFilter::MatchFieldWithRegex(filter) => {
                    println!("  {} ~ {}", filter.field, filter.regex);
                }
                // Newer versions have more filters.
                other => println!("  {}", serde_json::to_string(other)?),
            }
        }
        let unknown = icp.custom_filter_criteria.len() - icp.filters().count();
        println!("  {unknown} filters that this version does not know; all providers: {:?}", icp.providers());
    }
    Ok(())
}
