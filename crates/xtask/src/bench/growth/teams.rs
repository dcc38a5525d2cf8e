//! Who has how many ICPs, together with how many others.
//!
//! A *team* is some users who see the same ICPs. Each ICP has a *slot*; those of a team follow one another. Whose an ICP is
//! follows from its slot, and what it holds too, so that millions of them need no memory. They are imported in another
//! order: in life, too, a user's ICPs lie scattered among all others.

use std::ops::Range;

use anyhow::{Result, ensure};
use serde::Serialize;

use super::super::data::{Icp, written};
use super::super::random::Random;
use super::super::table::count;

/// What there is beside the usual teams, which have the rest of the ICPs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// What users have; the first is what most have.
    pub(super) icps: &'static [u64],
    /// Users of one ICP, and how many teams are like that.
    shared: &'static [(u64, u64)],
    /// Of the usual teams, those who ask. They have more than a database keeps at hand without being told to.
    askers: u64,
    /// From so many ICPs on, the list is work enough for two connections.
    pub(super) large: u64,
    /// From so many ICPs on, a whole list is asked for a few times only.
    pub(super) long: u64,
    least: u64,
    /// Beyond it, only what shows whether the number of all ICPs counts; and not on SQLite.
    pub(super) all_of_it: u64,
}

impl Scale {
    pub(super) const FULL: Self = Self {
        icps: &[5, 1_000, 100_000],
        shared: &[(1, 200), (10, 200), (1_000, 10)],
        askers: 2_000,
        large: 1_000,
        long: 10_000,
        least: 10_000,
        all_of_it: 1_000_000,
    };
    pub(super) const QUICK: Self = Self {
        icps: &[5, 300],
        shared: &[(50, 3)],
        askers: 30,
        large: 300,
        long: 300,
        least: 1_500,
        all_of_it: 1_500,
    };

    /// Every kind that any number of ICPs has.
    pub(super) fn kinds(self) -> Vec<Kind> {
        let usual = self.icps.first().copied().unwrap_or(1);
        let owners = self.icps.iter().map(|icps| (*icps, USUAL_USERS));
        let shared = self.shared.iter().map(|(users, _)| (usual, *users));
        owners.chain(shared).zip(0..).map(|((icps, users), number)| Kind { number, icps, users }).collect()
    }
}

const USUAL_USERS: u64 = 2;

/// Teams that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Kind {
    #[serde(skip)]
    number: u64,
    /// Of each team.
    #[serde(rename = "icps_of_user")]
    pub(super) icps: u64,
    #[serde(rename = "users_of_icp")]
    pub(super) users: u64,
}

impl Kind {
    pub(super) fn name(self) -> String {
        let icps = format!("{} ICPs", count(self.icps));
        match self.users {
            USUAL_USERS => icps,
            1 => format!("{icps} of 1 user"),
            users => format!("{icps} of {} users", count(users)),
        }
    }

    /// Whether it is there for the number of ICPs that a user has, and not for that of users.
    pub(super) fn is_usual(self) -> bool {
        self.users == USUAL_USERS
    }

    /// As long as Clerk's, and in no order: indexes grow in the middle, not at their end.
    pub(super) fn users_of(self, team: u64) -> Vec<String> {
        (0..self.users).map(|user| name((self.number << 56) | (team << 16) | user)).collect()
    }
}

/// Odd, so that numbers stay apart: the golden ratio's first digits.
const SCATTER: u128 = 0x9e_3779_b97f_4a7c_15f3_9cc0_605d;
const SCATTER_BITS: u32 = 104;

fn name(number: u64) -> String {
    let scattered = u128::from(number).wrapping_mul(SCATTER) & ((1 << SCATTER_BITS) - 1);
    format!("user_2{scattered:026x}")
}

/// All teams of a kind.
#[derive(Clone, Debug)]
pub(super) struct Teams {
    pub(super) kind: Kind,
    slots: Range<u64>,
    askers: u64,
}

impl Teams {
    /// The teams of which one user asks.
    pub(super) fn askers(&self) -> Range<u64> {
        0..self.askers
    }

    /// What a team has, in the order of its list.
    pub(super) fn icps(&self, team: u64) -> Vec<Icp> {
        let first = self.slots.start + team * self.kind.icps;
        let users = self.kind.users_of(team);
        let mut icps: Vec<_> = (first..first + self.kind.icps).map(|slot| icp(slot, &users)).collect();
        icps.sort_by(|one, other| (&one.created_at, &one.id).cmp(&(&other.created_at, &other.id)));
        icps
    }
}

/// All ICPs.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) icps: u64,
    /// From one slot to the one that is imported next.
    step: u64,
    pub(super) teams: Vec<Teams>,
}

impl Layout {
    /// All with so many have two fifths of the ICPs at the most; where that is too little for one of them, there is none. Where
    /// there are enough, they are so many that no two requests at once ask for the same list, which would be read once.
    pub(super) fn of(scale: Scale, icps: u64) -> Result<Self> {
        ensure!(icps >= scale.least, "{icps} ICPs are too few: take {} or more", scale.least);
        let (mut end, mut teams, mut usual) = (0, Vec::new(), None);
        for kind in scale.kinds() {
            let shared = scale.shared.iter().find(|(users, _)| *users == kind.users);
            let count = match shared {
                Some((_, count)) => *count,
                None if kind.number == 0 => {
                    usual = Some(kind);
                    continue;
                }
                None => (icps * 2 / 5 / kind.icps).min(if kind.icps < scale.long { 16 } else { 2 }),
            };
            if count > 0 {
                let slots = end..end + count * kind.icps;
                end = slots.end;
                teams.push(Teams { kind, slots, askers: count.min(50) });
            }
        }
        if let Some(kind) = usual {
            let askers = scale.askers.min((icps - end) / kind.icps);
            teams.insert(0, Teams { kind, slots: end..icps, askers });
        }
        Ok(Self { icps, step: step(icps), teams })
    }

    /// In the order of the import.
    pub(super) fn all(&self) -> impl Iterator<Item = Icp> + '_ {
        (0..self.icps).map(|place| {
            let slot = place * self.step % self.icps;
            let teams = self.teams.iter().find(|teams| teams.slots.contains(&slot));
            let users = teams.map(|teams| teams.kind.users_of((slot - teams.slots.start) / teams.kind.icps));
            icp(slot, &users.unwrap_or_default())
        })
    }

    /// One of each team that asks.
    pub(super) fn users(&self) -> impl Iterator<Item = String> + '_ {
        self.teams.iter().flat_map(|teams| teams.askers().filter_map(|team| first_user(teams.kind, team)))
    }
}

pub(super) fn first_user(kind: Kind, team: u64) -> Option<String> {
    kind.users_of(team).into_iter().next()
}

fn icp(slot: u64, users: &[String]) -> Icp {
    written(slot, users, &mut Random::new(slot))
}

/// Near the golden section of all, so that slots side by side come far from one another; and without a divisor in common, so
/// that each comes once.
fn step(icps: u64) -> u64 {
    let golden = icps * 618 / 1_000;
    (1..=golden).rev().find(|step| common_divisor(*step, icps) == 1).unwrap_or(1)
}

fn common_divisor(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { common_divisor(other, one % other) }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use icp_domain::{Icp as Typed, Rules};

    use super::*;

    #[test]
    fn everybody_has_what_the_layout_says() {
        let layout = Layout::of(Scale::QUICK, 3_000).expect("enough");
        let mut owned: HashMap<String, Vec<String>> = HashMap::new();
        let mut ids = HashSet::new();
        for icp in layout.all() {
            let typed = Typed::from_json(&icp.json, Rules::Strict).expect("it may be written");
            assert_eq!(typed.to_json(), icp.json, "it is canonical");
            for user in &typed.user_ids {
                owned.entry(user.to_string()).or_default().push(icp.json.clone());
            }
            ids.insert(icp.id);
        }
        assert_eq!(ids.len(), 3_000);
        let kinds: Vec<_> = layout.teams.iter().map(|teams| (teams.kind.icps, teams.kind.users)).collect();
        assert_eq!(kinds, [(5, 2), (300, 2), (5, 50)]);
        for teams in &layout.teams {
            for team in teams.askers() {
                let expected: HashSet<_> = teams.icps(team).into_iter().map(|icp| icp.json).collect();
                assert_eq!(expected.len() as u64, teams.kind.icps);
                for user in teams.kind.users_of(team) {
                    let owned: HashSet<_> = owned[&user].iter().cloned().collect();
                    assert!(owned == expected, "{user} has others");
                }
            }
        }
    }

    #[test]
    fn a_users_icps_lie_far_apart() {
        for icps in [10_000, 1_000_000, 10_000_000] {
            let step = step(icps);
            let mut places = HashMap::new();
            for place in 0..icps.min(100_000) {
                places.insert(place * step % icps, place);
            }
            let near = |slot: &u64| {
                let place = places[slot];
                places.get(&(slot + 1)).is_some_and(|other| place.abs_diff(*other) < icps / 20_000)
            };
            assert_eq!(places.keys().filter(|slot| near(slot)).count(), 0, "among {icps}");
        }
    }

    #[test]
    fn who_has_too_many_for_so_few_is_not_there() {
        let has = |icps, many| {
            let layout = Layout::of(Scale::FULL, icps).expect("enough");
            layout.teams.iter().any(|teams| teams.kind.icps == many)
        };
        assert!(has(10_000, 1_000) && !has(10_000, 100_000) && has(1_000_000, 100_000));
        assert!(Layout::of(Scale::FULL, 9_999).is_err());
    }

    #[test]
    fn names_are_as_long_as_those_of_clerk() {
        let name = name(7);
        assert_eq!(name.len(), "user_2NNEqL2nrIRdJ194ndJqAHwEfxC".len());
        assert_ne!(name, super::name(8));
    }
}
