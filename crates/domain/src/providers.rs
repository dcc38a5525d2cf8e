//! The providers that an ICP names.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::criteria::CustomFilter;
use crate::decode::Record;
use crate::{Icp, MaybeKnown};

impl Icp {
    /// Returns the providers of the searches, custom filters and CRM filters, sorted and without duplicates. Includes
    /// the providers that unknown parts name.
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
    /// # Ok::<(), icp_domain::ValidationErrors>(())
    /// ```
    pub fn providers(&self) -> Vec<String> {
        let leads = self.lead_provider_criteria.iter().filter_map(|part| provider_of(part, Record::provider));
        let filters =
            self.custom_filter_criteria.iter().filter_map(|part| provider_of(part, CustomFilter::provider));
        let crm = self.crm_filters.iter().filter_map(|part| provider_of(part, Record::provider));
        let all: BTreeSet<Cow<'_, str>> = leads.chain(filters).chain(crm).collect();
        all.into_iter().map(Cow::into_owned).collect()
    }
}

/// Returns the provider that a part names, if it names one.
fn provider_of<T>(part: &MaybeKnown<T>, provider: fn(&T) -> Option<&str>) -> Option<Cow<'_, str>> {
    match part {
        MaybeKnown::Known(known) => provider(known).map(Cow::Borrowed),
        MaybeKnown::Unknown(json) => {
            json.as_json().members().find(|member| member.name == "provider")?.value.string()
        }
    }
}

/// A set of provider names as one text, which a database can store and search without arrays. Each name is a JSON
/// string between commas. To find a name in a stored text, search it for [`ProviderList::search_text`] of the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderList(String);

impl ProviderList {
    pub(crate) fn of(names: &[String]) -> Self {
        let quoted = names.iter().map(|name| quoted(name) + ",");
        Self(quoted.fold(String::from(","), |list, name| list + &name))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if the set contains a name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(&Self::search_text(name))
    }

    /// Returns the text by which a name is found in a [`ProviderList`].
    ///
    /// ```
    /// use icp_domain::ProviderList;
    ///
    /// assert_eq!(ProviderList::search_text("bullhorn"), r#","bullhorn","#);
    /// ```
    pub fn search_text(name: &str) -> String {
        format!(",{},", quoted(name))
    }
}

fn quoted(name: &str) -> String {
    crate::decode::to_json(&name)
}
