//! The environment of the clients in other languages.

use reqwest::Method;
use tokio::process::Command;

use crate::clients::tools::run;
use crate::clients::unreliable::Fate::{Busy, Lost, Pass};
use crate::clients::unreliable::Unreliable;
use crate::support::{Service, Setup, stderr};

const USER: &str = "user_ada";

/// An ICP of a newer version: a filter of an unknown type, and numbers beyond the limits of this version.
const FROM_TOMORROW: &str = r#"[{"id":"6f1c3f8e-0000-4000-8000-000000000001","name":"From Tomorrow","userIds":["user_ada"],
    "createdAt":"2024-01-15T10:30:00.000Z","updatedAt":"2024-01-15T10:30:00.000Z","newMember":{"of":"tomorrow"},"leadsPerList":50000,
    "leadProviderCriteria":[{"provider":"newProvider","type":"newType","filters":{"a":[1,{"b":null}]}}],
    "customFilterCriteria":[{"type":"newFilter","level":7},{"type":"maxPercentFromCRM","value":5000},{"type":"ai","entityType":"newEntity","prompt":"Is it new?"}]}]"#;

/// A service with one ICP, and a proxy that loses responses.
pub(crate) struct Stage {
    pub(crate) service: Service,
    unreliable: Unreliable,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let setup = Setup::new();
        let imported = setup.icp_with_input(&["import", "--lenient"], FROM_TOMORROW.as_bytes());
        assert!(imported.status.success(), "{}", stderr(&imported));
        let service = setup.start();
        let fates: [(_, &[_]); 4] = [
            (Method::POST, &[Lost, Busy, Pass, Lost]),
            (Method::PATCH, &[Busy, Pass, Lost]),
            (Method::GET, &[Lost]),
            (Method::DELETE, &[Busy]),
        ];
        let unreliable = Unreliable::before(&service.address, &fates).await;
        Self { service, unreliable }
    }

    /// Runs a walkthrough, which must succeed and repeat as the guide says: creates with a key, reads and deletes until they
    /// are answered, and what was rejected; nothing else.
    pub(crate) async fn walk(&self, walkthrough: &mut Command) {
        let printed = run(self.tell(walkthrough)).await;
        assert!(printed.contains("From Tomorrow"), "{printed}");
        let methods = [Method::POST, Method::PATCH, Method::GET, Method::DELETE];
        assert_eq!(methods.map(|method| self.unreliable.seen(&method)), [4, 3, 2, 2]);
    }

    /// Sets the environment variables of a client.
    pub(crate) fn tell<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("ICP_URL", &self.service.address)
            .env("ICP_UNRELIABLE_URL", &self.unreliable.address)
            .env("ICP_TOKEN", self.service.token(USER))
            .env("ICP_OTHER_TOKEN", self.service.token("user_eve"))
    }
}
