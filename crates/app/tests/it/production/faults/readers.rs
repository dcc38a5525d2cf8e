//! Clients that read lists, and check that every list contains only ICPs of its user.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::Value;

use crate::support::ledger::Failure;
use crate::support::{LIST, Setup};

pub(crate) struct Reader {
    client: Client,
    user: String,
    token: String,
    /// The number of responses with status 200.
    pub(crate) success_count: usize,
    pub(crate) failures: Vec<Failure>,
}

impl Reader {
    /// Creates a client that reads the ICPs of a user.
    pub(crate) fn new(setup: &Setup, user: &str) -> Self {
        let client = Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .timeout(Duration::from_secs(20))
            .build()
            .expect("the client must be built");
        let token = setup.token(&["--user", user, "--ttl", "1d"]);
        Self { client, user: user.to_owned(), token, success_count: 0, failures: Vec::new() }
    }

    /// Sends reads to the current address until `stop` is true.
    pub(crate) async fn read(&mut self, address: &impl Fn() -> String, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let Some(list) = self.get(format!("{}{LIST}", address())).await else { continue };
            let icps = list.as_array().expect("the list must be an array");
            for icp in icps {
                let users = icp["userIds"].as_array().expect("the users must be an array");
                assert!(
                    users.iter().any(|user| *user == self.user.as_str()),
                    "the list must not contain an ICP of another user: {icp}"
                );
            }
            if let Some(id) = icps.first().and_then(|icp| icp["id"].as_str()) {
                // A writer may have deleted or unshared the ICP since then, so the response may be a 403 or 404.
                self.get(format!("{}{LIST}/{id}", address())).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn get(&mut self, url: String) -> Option<Value> {
        let response = self.client.get(&url).bearer_auth(&self.token).send().await;
        let read = match response {
            Ok(response) => {
                let status = response.status().as_u16();
                response.text().await.map(|text| (status, text)).map_err(|error| format!("{error:?}"))
            }
            Err(error) => Err(format!("{error:?}")),
        };
        let error = match read {
            Ok((200, text)) => {
                self.success_count += 1;
                return Some(serde_json::from_str(&text).expect("the body must be complete JSON"));
            }
            Ok((403 | 404, _)) => return None,
            Ok((status, text)) => format!("{status} {text}"),
            Err(error) => error,
        };
        self.failures.push(Failure { at: Instant::now(), url, error });
        tokio::time::sleep(Duration::from_millis(25)).await;
        None
    }
}
