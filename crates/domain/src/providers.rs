//! The providers that an ICP names, and how they are looked for.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::criteria::CustomFilter;
use crate::json::{Json, JsonText};
use crate::{Icp, Part};

impl Icp {
    /// The names of all providers that its criteria, custom filters and CRM filters name, each once, in order. Parts that
    /// this version does not understand count, too.
    ///
    /// ```
    /// use icp_domain::{Icp, Rules};
    ///
    /// let icp = Icp::from_json(r#"{
    ///     "id": "550e8400-e29b-41d4-a716-446655440000", "name": "SMB", "userIds": ["user_ada"],
    ///     "createdAt": "2024-01-15T10:30:00Z", "updatedAt": "2024-01-20T14:22:00Z",
    ///     "leadProviderCriteria": [{"provider": "baseProvider", "filters": {}}],
    ///     "customFilterCriteria": [{"type": "ofNextYear", "provider": "browserUse"}]
    /// }"#, Rules::Stored)?;
    /// assert_eq!(icp.providers(), ["baseProvider", "browserUse"]);
    /// # Ok::<(), icp_domain::Faults>(())
    /// ```
    pub fn providers(&self) -> Vec<String> {
        let leads = self.lead_provider_criteria.iter().filter_map(|part| match part {
            Part::Known(criterion) => Some(Cow::Borrowed(criterion.provider.as_str())),
            Part::Unknown(json) => provider_in(json),
        });
        let filters = self.custom_filter_criteria.iter().filter_map(|part| match part {
            Part::Known(filter) => provider_of(filter).map(Cow::Borrowed),
            Part::Unknown(json) => provider_in(json),
        });
        let crm = self.crm_filters.iter().filter_map(|part| match part {
            Part::Known(filters) => Some(Cow::Borrowed(filters.provider.as_str())),
            Part::Unknown(json) => provider_in(json),
        });
        let all: BTreeSet<Cow<'_, str>> = leads.chain(filters).chain(crm).collect();
        all.into_iter().map(Cow::into_owned).collect()
    }
}

fn provider_of(filter: &CustomFilter) -> Option<&str> {
    match filter {
        CustomFilter::Website(website) => Some(&website.provider),
        CustomFilter::Webscraping(webscraping) => Some(&webscraping.provider),
        CustomFilter::Ai(_)
        | CustomFilter::MaxPeoplePerCompany(_)
        | CustomFilter::MaxPercentFromCrm(_)
        | CustomFilter::MinDaysUntilReuse(_)
        | CustomFilter::MatchFieldWithRegex(_) => None,
    }
}

fn provider_in(json: &JsonText) -> Option<Cow<'_, str>> {
    let provider = json.as_json().members().find(|member| member.name == "provider")?;
    Json::string(provider.value)
}

/// A set of names as one text, in which a name is found as [`ProviderList::sought`] writes it and in no other way.
///
/// It is for storages that have no arrays: each name is a JSON string, and a comma stands before and after each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderList(String);

impl ProviderList {
    pub(crate) fn of(names: &[String]) -> Self {
        let quoted = names.iter().map(|name| quoted(name) + ",");
        Self(quoted.fold(String::from(","), |list, name| list + &name))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the text of every list holds that has this name, and no other list's.
    ///
    /// ```
    /// use icp_domain::ProviderList;
    ///
    /// assert_eq!(ProviderList::sought("bullhorn"), r#","bullhorn","#);
    /// ```
    pub fn sought(name: &str) -> String {
        format!(",{},", quoted(name))
    }
}

fn quoted(name: &str) -> String {
    // A string is never refused.
    serde_json::to_string(name).unwrap_or_default()
}
