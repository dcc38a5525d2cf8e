//! Writers that record which of their requests the service acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use icp_domain::{Icp, Rules};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::support::{LIST, Service, Setup};

/// The number of a state of an ICP: 0 after the create, and one more after each patch. The writer derives the
/// description and the users of the ICP from this number, so that a partial write would be detected.
type Revision = u32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Stored(Revision),
    Deleted,
}

/// The state of one ICP, as its writer knows it.
#[derive(Clone, Debug)]
struct Entry {
    /// The last acknowledged state.
    acknowledged: State,
    /// The state of a later request, which the service did not acknowledge.
    unacknowledged: Option<State>,
}

impl Entry {
    fn acknowledged(state: State) -> Self {
        Self { acknowledged: state, unacknowledged: None }
    }
}

/// An unexpected response.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) at: Instant,
    /// The address of the request.
    pub(crate) url: String,
    /// The response, or the error of the connection.
    pub(crate) error: String,
}

/// A writer that changes the ICPs of one user.
pub(crate) struct Writer {
    client: Client,
    user: String,
    token: String,
    entries: BTreeMap<String, Entry>,
    /// The names of unacknowledged creates without an idempotency key.
    unacknowledged_creates: BTreeSet<String>,
    /// The names of unacknowledged creates with an idempotency key, which the writer repeats.
    repeatable_creates: BTreeSet<String>,
    write_count: u32,
    pub(crate) acknowledged: usize,
    pub(crate) failures: Vec<Failure>,
}

/// Returns the user with whom the writer shares an ICP at a revision.
fn shared_user(user: &str, revision: Revision) -> String {
    format!("{user}_{}", revision % 3)
}

impl Writer {
    pub(crate) fn new(setup: &Setup, number: usize) -> Self {
        let user = format!("user_writer{number}");
        let client = Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .timeout(Duration::from_secs(20))
            .build()
            .expect("the client must be built");
        Self {
            client,
            token: setup.token(&["--user", &user, "--ttl", "1d"]),
            user,
            entries: BTreeMap::new(),
            unacknowledged_creates: BTreeSet::new(),
            repeatable_creates: BTreeSet::new(),
            write_count: 0,
            acknowledged: 0,
            failures: Vec::new(),
        }
    }

    /// Sends writes to the current address until `stop` is true.
    pub(crate) async fn write(&mut self, address: &impl Fn() -> String, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            self.write_count += 1;
            let address = &address();
            let stored = self.entries.iter().filter_map(|(id, entry)| {
                match (entry.acknowledged, entry.unacknowledged) {
                    (State::Stored(revision), None) => Some((id.clone(), revision)),
                    _ => None,
                }
            });
            let stored: Vec<_> = stored.collect();
            let chosen = stored.get(self.write_count as usize * 7 % stored.len().max(1)).cloned();
            match (self.write_count % 6, chosen) {
                (0 | 1, _) | (_, None) => self.create(address).await,
                (2..=4, Some((id, revision))) => self.patch(address, &id, revision + 1).await,
                (_, Some((id, _))) => self.delete(address, &id).await,
            }
            if self.failures.last().is_some_and(|failure| failure.at.elapsed() < Duration::from_millis(50)) {
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        }
    }

    async fn create(&mut self, address: &str) {
        let name = format!("{} {}", self.user, self.write_count);
        let is_repeatable = self.write_count.is_multiple_of(2);
        if !self.send_create(address, &name, is_repeatable).await {
            if is_repeatable {
                self.repeatable_creates.insert(name);
            } else {
                self.unacknowledged_creates.insert(name);
            }
        }
    }

    async fn send_create(&mut self, address: &str, name: &str, is_repeatable: bool) -> bool {
        let body = json!({
            "name": name, "description": "0", "leadProviderCriteria": [],
            "userIds": [shared_user(&self.user, 0), self.user],
        });
        let mut request = self.request(Method::POST, format!("{address}{LIST}"), Some(&body));
        if is_repeatable {
            request = request.header("idempotency-key", format!("\"{name}\""));
        }
        let Some(icp) = self.send(request, StatusCode::CREATED).await else { return false };
        let id = icp["id"].as_str().expect("the ICP must have an ID").to_owned();
        self.entries.insert(id, Entry::acknowledged(State::Stored(0)));
        true
    }

    async fn patch(&mut self, address: &str, id: &str, revision: Revision) {
        let users = [shared_user(&self.user, revision), self.user.clone()];
        let body = json!({"description": revision.to_string(), "userIds": users});
        let request = self.request(Method::PATCH, format!("{address}{LIST}/{id}"), Some(&body));
        let response = self.send(request, StatusCode::OK).await;
        self.record(id, State::Stored(revision), response.is_some());
    }

    async fn delete(&mut self, address: &str, id: &str) {
        let request = self.request(Method::DELETE, format!("{address}{LIST}/{id}"), None);
        let response = self.send(request, StatusCode::NO_CONTENT).await;
        self.record(id, State::Deleted, response.is_some());
    }

    fn record(&mut self, id: &str, state: State, is_acknowledged: bool) {
        let entry = self.entries.get_mut(id).expect("the ICP must be in the ledger");
        if is_acknowledged {
            entry.acknowledged = state;
        } else {
            entry.unacknowledged = Some(state);
        }
    }

    fn request(&self, method: Method, url: String, body: Option<&Value>) -> RequestBuilder {
        let request = self.client.request(method, url).bearer_auth(&self.token);
        match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        }
    }

    /// Sends a request. Returns the response if it has the expected status.
    async fn send(&mut self, request: RequestBuilder, expected: StatusCode) -> Option<Value> {
        let (client, request) = request.build_split();
        let request = request.expect("the request must be valid");
        let url = request.url().to_string();
        let error = match client.execute(request).await {
            Ok(response) => {
                let status = response.status();
                match response.text().await {
                    Ok(text) if status == expected => {
                        self.acknowledged += 1;
                        return Some(serde_json::from_str(&text).unwrap_or_default());
                    }
                    Ok(text) => format!("{status} {text}"),
                    Err(error) => format!("{error:?}"),
                }
            }
            Err(error) => format!("{error:?}"),
        };
        self.failures.push(Failure { at: Instant::now(), url, error });
        None
    }

    /// Compares the recorded states with the stored ICPs. Then records the stored states, from which the writer
    /// continues.
    async fn verify(&mut self, service: &Service) {
        self.failures.clear();
        // A repeated create must store one ICP, even if the service stored the ICP of the first attempt.
        for name in std::mem::take(&mut self.repeatable_creates) {
            assert!(self.send_create(&service.address, &name, true).await, "{name}: {:?}", self.failures);
        }
        let stored = fetch_list(service, &self.user).await;
        for (id, entry) in &mut self.entries {
            let actual = stored.get(id).map_or(State::Deleted, |icp| State::Stored(parse_revision(icp)));
            let is_acknowledged = actual == entry.acknowledged;
            let is_unanswered = entry.unacknowledged == Some(actual);
            assert!(
                is_acknowledged || is_unanswered,
                "the state of {id} must match {entry:?}, but is {actual:?}"
            );
            *entry = Entry::acknowledged(actual);
        }
        let names: BTreeSet<_> = stored.values().map(|icp| &icp.name).collect();
        assert_eq!(names.len(), stored.len(), "no ICP may be stored twice");
        for (id, icp) in &stored {
            if !self.entries.contains_key(id) {
                assert!(self.unacknowledged_creates.remove(&icp.name), "the writer did not create {icp:?}");
                assert_eq!(parse_revision(icp), 0);
                self.entries.insert(id.clone(), Entry::acknowledged(State::Stored(0)));
            }
        }
        // The list of each user must contain the ICPs whose documents name this user.
        let mut expected: BTreeMap<String, BTreeSet<&String>> = BTreeMap::new();
        for (id, icp) in &stored {
            expected.entry(shared_user(&self.user, parse_revision(icp))).or_default().insert(id);
        }
        for number in 0..3 {
            let user = shared_user(&self.user, number);
            let listed = fetch_list(service, &user).await;
            assert!(listed.keys().eq(expected.remove(&user).unwrap_or_default()), "the list of {user}");
        }
        self.check_histories(service).await;
    }

    /// Checks that the histories of up to [`MAX_HISTORIES`] ICPs contain every acknowledged state once and in order,
    /// even after the service was killed. Checks the documents of three revisions of each history.
    async fn check_histories(&self, service: &Service) {
        for (id, entry) in self.entries.iter().rev().take(MAX_HISTORIES) {
            let path = format!("{LIST}/{id}/revisions");
            let history = service.get(&format!("{path}?limit=1000"), Some(&self.token)).await;
            assert_eq!(history.status, 200, "{history:?}");
            let history = history.json();
            let mut revisions = history.as_array().expect("the value must be an array").clone();
            if entry.acknowledged == State::Deleted {
                assert_eq!(revisions.remove(0)["operation"], "delete", "{id}: {history}");
            }
            let newest = revisions.len() - 1;
            if let State::Stored(revision) = entry.acknowledged {
                assert_eq!(newest, revision as usize, "{id}: {history}");
            }
            for (age, revision) in revisions.iter().enumerate() {
                let operation = if age == newest { "create" } else { "update" };
                assert_eq!(revision["operation"], operation, "{id}: {history}");
                assert_eq!(revision["by"], self.user, "{id}: {history}");
            }
            for age in [0, newest / 2, newest] {
                let name = revisions[age]["revision"].as_str().expect("the revision must be a string");
                let state = service.get(&format!("{path}/{name}"), Some(&self.token)).await.json();
                assert_eq!(state["icp"]["description"], (newest - age).to_string(), "{id}: {state}");
            }
        }
    }
}

/// Maximum number of histories of one writer that each check reads.
const MAX_HISTORIES: usize = 4;

/// Returns the revision of a stored ICP. Its description and its users must belong to the same write.
fn parse_revision(icp: &Icp) -> Revision {
    let revision = icp
        .description
        .as_deref()
        .and_then(|text| text.parse().ok())
        .expect("the description must be a revision");
    let users: Vec<_> = icp.user_ids.iter().map(ToString::to_string).collect();
    let user = users.last().expect("the ICP must have users");
    assert_eq!(
        users,
        [shared_user(user, revision), user.clone()],
        "the users must belong to the same write as the description"
    );
    revision
}

/// Returns the ICPs of a user by ID. Each document must be valid.
async fn fetch_list(service: &Service, user: &str) -> BTreeMap<String, Icp> {
    let list = service.list(user).await;
    assert_eq!(list.status, 200, "{list:?}");
    let icps: Vec<Box<serde_json::value::RawValue>> =
        serde_json::from_str(&list.body).expect("the text must be JSON");
    let icps =
        icps.iter().map(|icp| Icp::from_json(icp.get(), Rules::Strict).expect("the document must be an ICP"));
    icps.map(|icp| (icp.id.to_string(), icp)).collect()
}

/// Runs all writers until `work` has finished, and returns the result of `work`.
pub(crate) async fn write_during<T>(
    writers: &mut [Writer],
    address: &(impl Fn() -> String + Sync),
    work: impl Future<Output = T>,
) -> T {
    let stop = Arc::new(AtomicBool::new(false));
    let stop_writers = async {
        let result = work.await;
        stop.store(true, Ordering::Relaxed);
        result
    };
    let write = join_all(writers.iter_mut().map(|writer| writer.write(address, &stop)));
    join(stop_writers, write).await.0
}

/// Checks that no writer had an error before `time`, when the test caused the first fault.
pub(crate) fn assert_no_errors_before(writers: &[Writer], time: Instant) {
    for failure in writers.iter().flat_map(|writer| &writer.failures) {
        assert!(
            failure.at >= time,
            "the error occurred {:?} before the first fault: {failure:?}",
            time.duration_since(failure.at)
        );
    }
}

/// Compares the recorded states of every writer with the stored ICPs.
pub(crate) async fn verify(writers: &mut [Writer], service: &Service) {
    join_all(writers.iter_mut().map(|writer| writer.verify(service))).await;
}
