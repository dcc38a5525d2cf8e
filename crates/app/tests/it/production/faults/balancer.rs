//! A minimal load balancer, which checks the readiness of instances and selects a ready instance for each request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::support::client;

const CHECK_INTERVAL: Duration = Duration::from_millis(200);

pub(crate) struct Balancer {
    instances: Arc<Vec<Instance>>,
    next: AtomicUsize,
    checks: JoinHandle<()>,
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
        let checks = tokio::spawn(check_readiness(Arc::clone(&instances)));
        Self { instances, next: AtomicUsize::new(0), checks }
    }

    /// Returns the next ready instance, or any instance if none is ready.
    pub(crate) fn address(&self) -> String {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.instances.len();
        let in_order = || (first..first + count).map(|index| &self.instances[index % count]);
        let ready = in_order().find(|instance| instance.is_ready.load(Ordering::Relaxed));
        ready.or_else(|| in_order().next()).expect("the instance must exist").address.clone()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.checks.abort();
    }
}

async fn check_readiness(instances: Arc<Vec<Instance>>) {
    let client = client();
    loop {
        for instance in instances.iter() {
            let request =
                client.get(format!("{}/health/ready", instance.address)).timeout(Duration::from_secs(2));
            let is_ready = request.send().await.is_ok_and(|response| response.status() == 200);
            instance.is_ready.store(is_ready, Ordering::Relaxed);
        }
        tokio::time::sleep(CHECK_INTERVAL).await;
    }
}
