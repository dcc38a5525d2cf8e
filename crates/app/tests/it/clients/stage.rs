//! The service and the proxy that the clients in other languages use.

use reqwest::Method;
use tokio::process::Command;

use crate::clients::tools::run;
use crate::clients::unreliable::ProxyAction::{Forward, LoseResponse, Reject};
use crate::clients::unreliable::UnreliableProxy;
use crate::support::{Service, Setup, stderr};

const USER: &str = "user_ada";

/// An ICP that a newer version of the service could have stored. It has unknown fields and types, and numbers above
/// the limits of this version.
const ICP_OF_NEWER_VERSION: &str = r#"[{"id":"6f1c3f8e-0000-4000-8000-000000000001","name":"From Tomorrow","userIds":["user_ada"],
    "createdAt":"2024-01-15T10:30:00.000Z","updatedAt":"2024-01-15T10:30:00.000Z","newMember":{"of":"tomorrow"},"leadsPerList":50000,
    "leadProviderCriteria":[{"provider":"newProvider","type":"newType","filters":{"a":[1,{"b":null}]}}],
    "customFilterCriteria":[{"type":"newFilter","level":7},{"type":"maxPercentFromCRM","value":5000},{"type":"ai","entityType":"newEntity","prompt":"Is it new?"}]}]"#;

/// A service with one ICP, and a proxy for this service that rejects requests and loses responses.
pub(crate) struct Stage {
    pub(crate) service: Service,
    unreliable: UnreliableProxy,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let setup = Setup::new();
        let imported = setup.icp_with_input(&["import", "--lenient"], ICP_OF_NEWER_VERSION.as_bytes());
        assert!(imported.status.success(), "{}", stderr(&imported));
        let service = setup.start();
        let actions: [(_, &[_]); 4] = [
            (Method::POST, &[LoseResponse, Reject, Forward, LoseResponse]),
            (Method::PATCH, &[Reject, Forward, LoseResponse]),
            (Method::GET, &[LoseResponse]),
            (Method::DELETE, &[Reject]),
        ];
        let unreliable = UnreliableProxy::start(&service.address, &actions).await;
        Self { service, unreliable }
    }

    /// Runs a walkthrough, which must succeed. Checks that the client repeats rejected requests, and creates with a key
    /// and reads whose response was lost. It must not repeat creates without a key and patches whose response was lost.
    pub(crate) async fn run_walkthrough(&self, walkthrough: &mut Command) {
        let printed = run(self.with_variables(walkthrough)).await;
        assert!(printed.contains("From Tomorrow"), "{printed}");
        let methods = [Method::POST, Method::PATCH, Method::GET, Method::DELETE];
        assert_eq!(methods.map(|method| self.unreliable.request_count(&method)), [4, 3, 2, 2]);
    }

    /// Sets the environment variables of a client.
    pub(crate) fn with_variables<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("ICP_URL", &self.service.address)
            .env("ICP_UNRELIABLE_URL", &self.unreliable.address)
            .env("ICP_TOKEN", self.service.token(USER))
            .env("ICP_OTHER_TOKEN", self.service.token("user_eve"))
    }
}
