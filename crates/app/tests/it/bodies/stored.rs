//! Checks the database after the test: all documents must be complete, and the lists must contain exactly the
//! documents of their users.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use icp_domain::{Icp, IcpId, Rules, UserId};
use reqwest::Client;

use crate::bodies::generator::Action;
use crate::bodies::requests::{Outcome, Sender};
use crate::support::{LIST, Response, Service, stderr, stdout};

/// All exported ICPs with their JSON texts.
type Export = BTreeMap<IcpId, (Icp, String)>;

/// Exports all ICPs, and checks that each line is a valid ICP.
pub(crate) fn export(service: &Service) -> Export {
    let output = service.setup.icp(&["export"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let record = |line: &str| {
        let icp =
            Icp::from_json(line, Rules::Strict).unwrap_or_else(|violations| panic!("{violations} in {line}"));
        (icp.id, (icp, line.to_owned()))
    };
    let (text, mut records) = (stdout(&output), Export::new());
    for (id, record) in text.lines().map(record) {
        assert!(records.insert(id, record).is_none(), "{id} must be exported once");
    }
    records
}

/// Checks that the stored ICPs are exactly the ICPs of `before` and the ICPs whose create got a 201. The created ICPs
/// must be unchanged.
pub(crate) fn check_documents(stored: &Export, before: &Export, outcomes: &[Outcome]) {
    let created = outcomes.iter().filter(|outcome| outcome.action == Action::Post);
    let created: BTreeMap<IcpId, &String> =
        created.filter_map(|outcome| outcome.icp.as_ref()).map(|(icp, text)| (icp.id, text)).collect();
    let expected: BTreeSet<IcpId> = before.keys().chain(created.keys()).copied().collect();
    assert!(stored.keys().eq(&expected), "the export must contain all created ICPs and no refused ICP");
    for (id, text) in created {
        assert_eq!(stored[&id].1, *text, "an ICP that was not patched must be unchanged");
    }
}

/// Checks that the list of each user contains exactly the documents with the user's ID in `userIds`. Returns the
/// number of lists.
pub(crate) async fn check_lists(service: &Service, stored: &Export, outcomes: &[Outcome]) -> usize {
    let mut expected: BTreeMap<&UserId, BTreeSet<IcpId>> = BTreeMap::new();
    for user in outcomes.iter().filter_map(|outcome| outcome.icp.as_ref()).flat_map(|(icp, _)| &icp.user_ids)
    {
        expected.entry(user).or_default();
    }
    for (icp, _) in stored.values() {
        for user in &icp.user_ids {
            expected.entry(user).or_default().insert(icp.id);
        }
    }
    let client = Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .timeout(Duration::from_mins(1))
        .build()
        .expect("the client must be built");
    for (user, ids) in &expected {
        let token = service.setup.token(&[&format!("--user={user}"), "--ttl=1d"]);
        let list = Response::fetch(client.get(format!("{}{LIST}", service.address)).bearer_auth(token)).await;
        assert_eq!(list.status, 200, "the list of {user:?}: {list:?}");
        let icps: Vec<Icp> = serde_json::from_str(&list.body).expect("the body must be a list of ICPs");
        assert_eq!(icps.len(), ids.len(), "the list of {user:?}");
        assert_eq!(icps.iter().map(|icp| icp.id).collect::<BTreeSet<_>>(), *ids, "the list of {user:?}");
    }
    expected.len()
}

/// Checks that reads of patched ICPs return the exported texts.
pub(crate) async fn check_targets(service: &Service, stored: &Export, sender: &Sender<'_>) {
    let token = service.admin_token("user_root");
    for target in &sender.targets {
        let read = service.get(&format!("{LIST}/{}", target.id), Some(&token)).await;
        assert_eq!((read.status.as_u16(), &read.body), (200, &stored[&target.id].1));
    }
}
