//! Writers that record their requests, and which of them were acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use icp_domain::{Icp, Rules};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::support::{LIST, Service, Setup};

/// The number of a write. It determines the description and the other users. A partial write would have only one of them.
type Revision = u32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    At(Revision),
    Gone,
}

/// The state of one ICP, as its writer knows it.
#[derive(Clone, Debug)]
struct Entry {
    /// The last acknowledged state.
    acknowledged: State,
    /// A requested state that was not acknowledged.
    unanswered: Option<State>,
}

impl Entry {
    fn acknowledged(state: State) -> Self {
        Self { acknowledged: state, unanswered: None }
    }
}

/// An unexpected response.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) at: Instant,
    /// The address of the request.
    pub(crate) url: String,
    /// The response, or the reason why there is none.
    pub(crate) error: String,
}

/// A writer, with its own user and ICPs.
pub(crate) struct Writer {
    client: Client,
    user: String,
    token: String,
    entries: BTreeMap<String, Entry>,
    /// Creates that were not acknowledged, by the requested name.
    unanswered_creates: BTreeSet<String>,
    /// The operations that may be repeated.
    repeatable_creates: BTreeSet<String>,
    next: u32,
    pub(crate) acknowledged: usize,
    pub(crate) failures: Vec<Failure>,
}

/// The other users of an ICP at a revision.
fn other(user: &str, revision: Revision) -> String {
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
            unanswered_creates: BTreeSet::new(),
            repeatable_creates: BTreeSet::new(),
            next: 0,
            acknowledged: 0,
            failures: Vec::new(),
        }
    }

    /// Writes to the current address until it is stopped.
    pub(crate) async fn write(&mut self, address: &impl Fn() -> String, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            self.next += 1;
            let address = &address();
            let there =
                self.entries.iter().filter_map(|(id, entry)| match (entry.acknowledged, entry.unanswered) {
                    (State::At(revision), None) => Some((id.clone(), revision)),
                    _ => None,
                });
            let there: Vec<_> = there.collect();
            let chosen = there.get(self.next as usize * 7 % there.len().max(1)).cloned();
            match (self.next % 6, chosen) {
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
        let name = format!("{} {}", self.user, self.next);
        let is_repeatable = self.next.is_multiple_of(2);
        if !self.send_create(address, &name, is_repeatable).await {
            if is_repeatable {
                self.repeatable_creates.insert(name);
            } else {
                self.unanswered_creates.insert(name);
            }
        }
    }

    async fn send_create(&mut self, address: &str, name: &str, is_repeatable: bool) -> bool {
        let body = json!({
            "name": name, "description": "0", "leadProviderCriteria": [],
            "userIds": [other(&self.user, 0), self.user],
        });
        let mut request = self.request(Method::POST, format!("{address}{LIST}"), Some(&body));
        if is_repeatable {
            request = request.header("idempotency-key", format!("\"{name}\""));
        }
        let Some(icp) = self.response(request, StatusCode::CREATED).await else { return false };
        let id = icp["id"].as_str().expect("the ICP must have an ID").to_owned();
        self.entries.insert(id, Entry::acknowledged(State::At(0)));
        true
    }

    async fn patch(&mut self, address: &str, id: &str, revision: Revision) {
        let users = [other(&self.user, revision), self.user.clone()];
        let body = json!({"description": revision.to_string(), "userIds": users});
        let request = self.request(Method::PATCH, format!("{address}{LIST}/{id}"), Some(&body));
        let response = self.response(request, StatusCode::OK).await;
        self.note(id, State::At(revision), response.is_some());
    }

    async fn delete(&mut self, address: &str, id: &str) {
        let request = self.request(Method::DELETE, format!("{address}{LIST}/{id}"), None);
        let response = self.response(request, StatusCode::NO_CONTENT).await;
        self.note(id, State::Gone, response.is_some());
    }

    fn note(&mut self, id: &str, state: State, is_acknowledged: bool) {
        let entry = self.entries.get_mut(id).expect("the ICP must be in the ledger");
        if is_acknowledged {
            entry.acknowledged = state;
        } else {
            entry.unanswered = Some(state);
        }
    }

    fn request(&self, method: Method, url: String, body: Option<&Value>) -> RequestBuilder {
        let request = self.client.request(method, url).bearer_auth(&self.token);
        match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        }
    }

    /// Returns the response if it is an expected one.
    async fn response(&mut self, request: RequestBuilder, expected: StatusCode) -> Option<Value> {
        let (client, request) = request.build_split();
        let request = request.expect("a request");
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

    /// Compares the records with the stored ICPs, and continues from these.
    async fn verify(&mut self, service: &Service) {
        self.failures.clear();
        // Repeated creates exist once, whether the first attempt was stored or not.
        for name in std::mem::take(&mut self.repeatable_creates) {
            assert!(self.send_create(&service.address, &name, true).await, "{name}: {:?}", self.failures);
        }
        let stored = list(service, &self.user).await;
        for (id, entry) in &mut self.entries {
            let found = stored.get(id).map_or(State::Gone, |icp| State::At(revision(icp)));
            let is_acknowledged = found == entry.acknowledged;
            let is_unanswered = entry.unanswered == Some(found);
            assert!(is_acknowledged || is_unanswered, "{id} should be at {entry:?}, and is at {found:?}");
            *entry = Entry::acknowledged(found);
        }
        let names: BTreeSet<_> = stored.values().map(|icp| &icp.name).collect();
        assert_eq!(names.len(), stored.len(), "no ICP is stored twice");
        for (id, icp) in &stored {
            if !self.entries.contains_key(id) {
                assert!(self.unanswered_creates.remove(&icp.name), "no writer created {icp:?}");
                assert_eq!(revision(icp), 0);
                self.entries.insert(id.clone(), Entry::acknowledged(State::At(0)));
            }
        }
        // The lists agree with the documents.
        let mut expected: BTreeMap<String, BTreeSet<&String>> = BTreeMap::new();
        for (id, icp) in &stored {
            expected.entry(other(&self.user, revision(icp))).or_default().insert(id);
        }
        for number in 0..3 {
            let user = other(&self.user, number);
            let listed = list(service, &user).await;
            assert!(listed.keys().eq(expected.remove(&user).unwrap_or_default()), "the list of {user}");
        }
        self.check_histories(service).await;
    }

    /// The history of an ICP has every state from its creation on, once and in order, also after kills.
    async fn check_histories(&self, service: &Service) {
        for (id, entry) in self.entries.iter().rev().take(MAX_HISTORIES) {
            let path = format!("{LIST}/{id}/revisions");
            let history = service.get(&format!("{path}?limit=1000"), Some(&self.token)).await;
            assert_eq!(history.status, 200, "{history:?}");
            let history = history.json();
            let mut revisions = history.as_array().expect("the value must be an array").clone();
            if entry.acknowledged == State::Gone {
                assert_eq!(revisions.remove(0)["operation"], "delete", "{id}: {history}");
            }
            let newest = revisions.len() - 1;
            if let State::At(revision) = entry.acknowledged {
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

/// The number of histories of one writer that each check reads.
const MAX_HISTORIES: usize = 4;

/// Returns the revision of a stored ICP, which must be complete.
fn revision(icp: &Icp) -> Revision {
    let revision = icp.description.as_deref().and_then(|text| text.parse().ok()).expect("a revision");
    let users: Vec<_> = icp.user_ids.iter().map(ToString::to_string).collect();
    let user = users.last().expect("its writer");
    assert_eq!(users, [other(user, revision), user.clone()], "its users match its revision");
    revision
}

/// Returns the list of a user. Each ICP must be complete.
async fn list(service: &Service, user: &str) -> BTreeMap<String, Icp> {
    let list = service.list(user).await;
    assert_eq!(list.status, 200, "{list:?}");
    let icps: Vec<Box<serde_json::value::RawValue>> =
        serde_json::from_str(&list.body).expect("the text must be JSON");
    let icps =
        icps.iter().map(|icp| Icp::from_json(icp.get(), Rules::Strict).expect("the document must be an ICP"));
    icps.map(|icp| (icp.id.to_string(), icp)).collect()
}

/// Runs all writers until `work` is done, and returns its result.
pub(crate) async fn write_during<T>(
    writers: &mut [Writer],
    address: &(impl Fn() -> String + Sync),
    something: impl Future<Output = T>,
) -> T {
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = async {
        let done = something.await;
        stop.store(true, Ordering::Relaxed);
        done
    };
    let writing = join_all(writers.iter_mut().map(|writer| writer.write(address, &stop)));
    join(stopping, writing).await.0
}

/// No client may get an error before the first fault.
pub(crate) fn assert_no_errors_before(writers: &[Writer], time: Instant) {
    for failure in writers.iter().flat_map(|writer| &writer.failures) {
        assert!(failure.at >= time, "{:?} too early: {failure:?}", time.duration_since(failure.at));
    }
}

/// Compares the records of every writer with the stored ICPs.
pub(crate) async fn verify(writers: &mut [Writer], service: &Service) {
    join_all(writers.iter_mut().map(|writer| writer.verify(service))).await;
}
