//! What is asked of the service, on behalf of users of one kind.

use anyhow::{Context, Result};
use serde::Serialize;

use super::super::data::Icp;
use super::super::http::{Request, send};
use super::super::requests::{Body, Expected, LIST, create_body};
use super::super::tokens::Tokens;
use super::teams::{Kind, Scale, Teams, first_user};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Operation {
    /// Not asked of the service, but done by its command.
    Import,
    List,
    /// From the middle of the list on.
    Page,
    /// The same of the list that is sorted by name, which is no order of an index.
    PageByName,
    Get,
    Patch,
    Create,
}

/// ICPs of a page.
const PAGE: usize = 50;
/// The most that a page may have, to reach the middle soon.
const LARGEST_PAGE: usize = 1_000;
/// Each is sent once before it is measured.
const REQUESTS: usize = 2_000;

impl Operation {
    /// Those that are requests. Those that write come last: they leave another database behind.
    pub(super) const ALL: [Self; 6] =
        [Self::List, Self::Page, Self::PageByName, Self::Get, Self::Patch, Self::Create];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::List => "list",
            Self::Page => "page",
            Self::PageByName => "page by name",
            Self::Get => "get",
            Self::Patch => "patch",
            Self::Create => "create",
        }
    }

    /// A page is what it is whoever else sees its ICPs.
    pub(super) fn is_measured_for(self, kind: Kind) -> bool {
        kind.is_usual() || !matches!(self, Self::Page | Self::PageByName)
    }

    pub(super) fn writes(self) -> bool {
        matches!(self, Self::Patch | Self::Create)
    }

    /// They keep the processors of a small machine busy, and wait little for one another.
    pub(super) fn connections(self, kind: Kind, scale: Scale) -> u16 {
        if kind.icps >= scale.large && self == Self::List { 2 } else { 8 }
    }

    /// Whether all of a long list is read for each: as much work as thousands of others.
    pub(super) fn is_long(self, kind: Kind, scale: Scale) -> bool {
        kind.icps >= scale.long && matches!(self, Self::List | Self::PageByName)
    }

    /// The requests, with the answers that they must have.
    pub(super) fn requests(self, teams: &Teams, tokens: &Tokens, address: &str) -> Result<Vec<Expected>> {
        let askers = usize::try_from(teams.askers().end)?.max(1);
        let each = (REQUESTS / askers).max(1);
        let mut requests = Vec::new();
        for team in teams.askers().take(REQUESTS) {
            let user = first_user(teams.kind, team).context("a team has users")?;
            let token = tokens.get(&user).with_context(|| format!("user {user} has no token"))?;
            let signed_in = Request::get(LIST).signed_in(token);
            let mut icps = teams.icps(team);
            match self {
                Self::Import => {}
                Self::List => requests.push(answered(signed_in, &icps)),
                Self::Page => requests.push(page(signed_in, "", &icps, address)?),
                Self::PageByName => {
                    icps.sort_by_cached_key(|icp| (icp.name.to_lowercase(), icp.id.clone()));
                    requests.push(page(signed_in, "&sort=name", &icps, address)?);
                }
                Self::Get => {
                    requests.extend(some(&icps, each).map(|icp| Expected::get(icp, signed_in.clone())));
                }
                Self::Patch => {
                    requests.extend(some(&icps, each).map(|icp| Expected::patch(icp, signed_in.clone())));
                }
                Self::Create => {
                    let icp = icps.first().context("a team has ICPs")?;
                    let users = teams.kind.users_of(team);
                    requests.push(Expected::create(body_with_users(icp, &users), signed_in));
                }
            }
        }
        Ok(requests)
    }
}

fn answered(request: Request, icps: &[Icp]) -> Expected {
    let texts: Vec<_> = icps.iter().map(|icp| icp.json.as_str()).collect();
    Expected { request, status: 200, body: Body::Is(format!("[{}]", texts.join(","))) }
}

/// So many of them, from the first to the last.
fn some(icps: &[Icp], count: usize) -> impl Iterator<Item = &Icp> {
    icps.iter().step_by(icps.len().div_ceil(count).max(1))
}

/// The page that begins in the middle, by the cursor that leads to it.
fn page(list: Request, order: &str, icps: &[Icp], address: &str) -> Result<Expected> {
    let middle = icps.len() / 2;
    let step = middle.clamp(1, LARGEST_PAGE);
    let mut request = Request { path: format!("{LIST}?limit={step}{order}"), ..list };
    for _ in 0..middle / step {
        let answer = send(address, &request)?;
        let link = answer.header("link").context("a page has no link to the next")?;
        let next = link.trim_start_matches('<').split_once('>').context("a link has no address")?.0;
        next.clone_into(&mut request.path);
    }
    let limit = format!("limit={step}&");
    request.path = request.path.replace(&limit, &format!("limit={PAGE}&"));
    let rest = icps.get(middle / step * step..).unwrap_or_default();
    Ok(answered(request, rest.get(..PAGE).unwrap_or(rest)))
}

fn body_with_users(icp: &Icp, users: &[String]) -> String {
    let body = create_body(&icp.json);
    let body = body.strip_suffix('}').unwrap_or(&body);
    format!(r#"{body},"userIds":["{}"]}}"#, users.join(r#"",""#))
}

#[cfg(test)]
mod tests {
    use icp_domain::NewIcp;

    use super::super::teams::Layout;
    use super::*;

    #[test]
    fn creates_name_every_user() {
        let layout = Layout::of(Scale::QUICK, 3_000).expect("enough");
        let tokens = layout.users().map(|user| (user.clone(), user)).collect();
        for teams in &layout.teams {
            let creates = Operation::Create.requests(teams, &tokens, "").expect("requests");
            for (create, team) in creates.iter().zip(teams.askers()) {
                let body = create.request.body.as_deref().expect("a body");
                NewIcp::from_json(body).expect("it may be written");
                let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
                assert_eq!(body["userIds"], serde_json::json!(teams.kind.users_of(team)));
            }
        }
    }

    #[test]
    fn some_are_spread_over_all() {
        let layout = Layout::of(Scale::QUICK, 3_000).expect("enough");
        let icps = layout.teams[1].icps(0);
        let ids: Vec<_> = some(&icps, 5).map(|icp| &icp.id).collect();
        assert_eq!(ids, [0, 60, 120, 180, 240].map(|place| &icps[place].id));
        assert_eq!(some(&icps, 1_000).count(), 300);
    }
}
