//! A minimal load balancer: it checks the readiness of instances, and sends requests to ready ones only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::support::client;

const CHECK_INTERVAL: Duration = Duration::from_millis(200);

pub(crate) struct Balancer {
    instances: Arc<Vec<Instance>>,
    next: AtomicUsize,
    looking: JoinHandle<()>,
}

struct Instance {
    address: String,
    is_ready: AtomicBool,
}

impl Balancer {
    pub(crate) fn new(addresses: &[&str]) -> Self {
        let instance =
            |address: &&str| Instance { address: (*address).to_owned(), is_ready: AtomicBool::new(true) };
        let instances: Arc<Vec<_>> = Arc::new(addresses.iter().map(instance).collect());
        let looking = tokio::spawn(look(Arc::clone(&instances)));
        Self { instances, next: AtomicUsize::new(0), looking }
    }

    /// Returns the next ready instance, or any instance if none is ready.
    pub(crate) fn address(&self) -> String {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.instances.len();
        let in_turn = || (turn..turn + count).map(|index| &self.instances[index % count]);
        let ready = in_turn().find(|instance| instance.is_ready.load(Ordering::Relaxed));
        ready.or_else(|| in_turn().next()).expect("the instance must exist").address.clone()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

async fn look(instances: Arc<Vec<Instance>>) {
    let client = client();
    loop {
        for instance in instances.iter() {
            let asking =
                client.get(format!("{}/health/ready", instance.address)).timeout(Duration::from_secs(2));
            let is_ready = asking.send().await.is_ok_and(|response| response.status() == 200);
            instance.is_ready.store(is_ready, Ordering::Relaxed);
        }
        tokio::time::sleep(CHECK_INTERVAL).await;
    }
}
