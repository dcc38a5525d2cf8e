//! The ICPs that are measured with: the same in every run.
//!
//! Users are numbers, and an ICP's id and team follow from its own number, so that a script of pgbench can name them: it has
//! numbers and no other values. Ids are scattered all the same, as those of life are.

use super::random::Random;

/// How much there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) icps: u64,
    /// The ICPs of the user who has many.
    pub(super) big: u64,
    pub(super) readers: u64,
    pub(super) writers: u64,
}

impl Size {
    pub(super) const FULL: Self = Self { icps: 10_000, big: 1_000, readers: 300, writers: 100 };
    pub(super) const QUICK: Self = Self { icps: 600, big: 100, readers: 30, writers: 15 };
}

pub(super) const FIRST_USER: u64 = 1_000_000;
const FIRST_COLLEAGUE: u64 = 2_000_000;
const BIG_USER: u64 = 3_000_000;

/// Odd, so that numbers below 2^32 stay apart; [Knuth's](https://en.wikipedia.org/wiki/Hash_function#Fibonacci_hashing).
pub(super) const SCATTER: u64 = 2_654_435_761;
pub(super) const SCATTER_RANGE: u64 = 1 << 32;

/// Three teams have 4, 5 and 6 ICPs.
pub(super) const ICPS_OF_THREE_TEAMS: u64 = 15;

#[derive(Clone, Debug)]
pub(super) struct Icp {
    pub(super) id: String,
    pub(super) user: String,
    pub(super) name: String,
    pub(super) created_at: String,
    /// In the canonical form, so that what comes back is the same to the byte.
    pub(super) json: String,
}

pub(super) struct Data {
    size: Size,
    icps: Vec<Icp>,
}

impl Data {
    pub(super) fn generate(size: Size) -> Self {
        let mut random = Random::new(2024);
        let icps = (0..size.icps).map(|number| icp(number, size, &mut random)).collect();
        Self { size, icps }
    }

    /// The file that is imported.
    pub(super) fn lines(&self) -> String {
        self.icps.iter().flat_map(|icp| [icp.json.as_str(), "\n"]).collect()
    }

    /// Users with 4 to 6 ICPs, who only read.
    pub(super) fn readers(&self) -> Vec<String> {
        (0..self.size.readers).map(|team| (FIRST_USER + team).to_string()).collect()
    }

    /// Others like them, who change theirs.
    pub(super) fn writers(&self) -> Vec<String> {
        let teams = self.size.readers..self.size.readers + self.size.writers;
        teams.map(|team| (FIRST_USER + team).to_string()).collect()
    }

    pub(super) fn big_user() -> String {
        BIG_USER.to_string()
    }

    pub(super) fn of<'a>(&'a self, user: &str) -> Vec<&'a Icp> {
        let mut icps: Vec<_> = self.icps.iter().filter(|icp| icp.user == user).collect();
        icps.sort_by_key(|icp| (&icp.created_at, &icp.id));
        icps
    }

    /// What the service must answer to a user who lists theirs.
    pub(super) fn list(&self, user: &str) -> String {
        let texts: Vec<_> = self.of(user).into_iter().map(|icp| icp.json.as_str()).collect();
        format!("[{}]", texts.join(","))
    }

    pub(super) fn size(&self) -> Size {
        self.size
    }
}

/// How many ICPs are not those of the user who has many.
pub(super) fn usual(size: Size) -> u64 {
    size.icps - size.big
}

fn id(number: u64) -> String {
    let scattered = number * SCATTER % SCATTER_RANGE;
    format!("{scattered:08x}-0000-4000-8000-000000000000")
}

fn team(number: u64) -> u64 {
    let within = match number % ICPS_OF_THREE_TEAMS {
        0..4 => 0,
        4..9 => 1,
        _ => 2,
    };
    3 * (number / ICPS_OF_THREE_TEAMS) + within
}

fn icp(number: u64, size: Size, random: &mut Random) -> Icp {
    let users = if number < usual(size) {
        [FIRST_USER + team(number), FIRST_COLLEAGUE + team(number)]
    } else {
        [BIG_USER, BIG_USER + 1]
    };
    written(number, &users.map(|user| user.to_string()), random)
}

/// The ICP of a number that these may see. Its user is the first of them.
pub(super) fn written(number: u64, users: &[String], random: &mut Random) -> Icp {
    let (id, user) = (id(number), users.first().cloned().unwrap_or_default());
    let created_at = format!(
        "2024-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        1 + random.below(12),
        1 + random.below(28),
        random.below(24),
        random.below(60),
        random.below(60),
        random.below(1_000),
    );
    let Content { name, description, searches, filters } = content(random);
    let users = users.join("\",\"");
    let json = format!(
        r#"{{"id":"{id}","name":"{name}","description":"{description}","createdAt":"{created_at}","updatedAt":"{created_at}","leadProviderCriteria":{searches},"customFilterCriteria":{filters},"crmFilters":{CRM},"userIds":["{users}"],"leadsPerList":10,"activeUntil":null}}"#
    );
    Icp { id, user, name, created_at, json }
}

const TITLES: &[&str] = &["CTO", "VP Engineering", "Head of Sales", "Plant Manager", "Procurement Lead"];
const COUNTRIES: &[&str] = &["Germany", "Austria", "Switzerland", "France", "Netherlands", "Poland"];
const INDUSTRIES: &[&str] = &["Machinery", "Software", "Automotive", "Logistics", "Insurance"];

const CRM: &str = r#"{"provider":"bullhorn","textSearch":"Head OR Leit* OR Direktor","filters":[{"path":"status","mode":"equals","value":"Active","exclude":false}]}"#;

/// What differs between ICPs beside whose they are; arrays as JSON.
struct Content {
    name: String,
    description: String,
    searches: String,
    filters: String,
}

fn content(random: &mut Random) -> Content {
    let (title, other) = (random.of(TITLES), random.of(TITLES));
    let (country, neighbour) = (random.of(COUNTRIES), random.of(COUNTRIES));
    let industry = random.of(INDUSTRIES);
    let (smallest, largest) = (50 + random.below(500), 1_000 + random.below(9_000));
    let people = 1 + random.below(5);
    Content {
        name: format!("{industry} {title} {country}"),
        description: format!(
            "{title} and peers in {country} and {neighbour}, without staffing agencies and holdings"
        ),
        searches: format!(
            r#"[{{"provider":"baseProvider","type":"person","filters":{{"job_title":["{title}","{other}","Member of the Board"],"location":{{"country":["{country}","{neighbour}"]}},"company":{{"employee_size":{{"min":{smallest},"max":{largest}}},"industry":["{industry}"]}}}}}}]"#
        ),
        filters: format!(
            r#"[{{"type":"ai","entityType":"company","prompt":"Does the company make what it sells itself, in {country} or {neighbour}, in a place of its own? Suppliers of others do not count."}},{{"type":"maxPeoplePerCompany","value":{people}}},{{"type":"matchFieldWithRegex","field":"company.headcount","regex":"^[0-9]{{3,4}}$"}}]"#
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use icp_domain::{Icp as Typed, Rules};

    use super::*;

    #[test]
    fn what_is_written_is_canonical_and_about_1_kb() {
        let data = Data::generate(Size::QUICK);
        for icp in &data.icps {
            let typed = Typed::from_json(&icp.json, Rules::Strict).expect("it may be written");
            assert_eq!(typed.to_json(), icp.json);
            assert!((900..1_300).contains(&icp.json.len()), "{}", icp.json.len());
        }
    }

    #[test]
    fn users_have_four_to_six_and_one_has_many() {
        let data = Data::generate(Size::QUICK);
        for user in data.readers().iter().chain(&data.writers()) {
            assert!((4..=6).contains(&data.of(user).len()), "{user}");
        }
        assert_eq!(data.of(&Data::big_user()).len() as u64, Size::QUICK.big);
        let ids: HashSet<_> = data.icps.iter().map(|icp| &icp.id).collect();
        assert_eq!(ids.len() as u64, Size::QUICK.icps);
    }

    #[test]
    fn the_full_size_has_teams_enough() {
        let size = Size::FULL;
        assert!(team(usual(size) - 1) >= size.readers + size.writers);
        assert!(size.icps <= SCATTER_RANGE, "or ids would meet");
    }
}
