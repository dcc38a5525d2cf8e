//! Checks HTTPS on the port of the service, and `icp health`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::Certificate;

use crate::support::{Setup, eventually, run_failing, stderr, stdout};

/// A self-signed certificate for the loopback host, and the files of the certificate and of its key.
pub(crate) struct Identity {
    certificate: String,
    files: [PathBuf; 2],
}

impl Identity {
    /// Generates a certificate and its key, and writes them to files in the folder.
    pub(crate) fn write(folder: &Path) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
                .expect("the certificate must be generated");
        let files = [folder.join("tls.crt"), folder.join("tls.key")];
        for (file, text) in files.iter().zip([cert.pem(), signing_key.serialize_pem()]) {
            std::fs::write(file, text).expect("the file must be written");
        }
        Self { certificate: cert.pem(), files }
    }

    pub(crate) fn setup(&self) -> Setup {
        let [certificate, key] =
            self.files.each_ref().map(|file| file.to_str().expect("the path must be UTF-8"));
        Setup::new().with("ICP__SERVER__TLS_CERTIFICATE", certificate).with("ICP__SERVER__TLS_KEY", key)
    }

    /// Returns true if a client that trusts only this certificate gets the status 200.
    pub(crate) async fn is_used_by(&self, address: &str) -> bool {
        let certificate =
            Certificate::from_pem(self.certificate.as_bytes()).expect("the certificate must be valid");
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([certificate])
            .build()
            .expect("the client must be built");
        client
            .get(format!("{address}/health/live"))
            .send()
            .await
            .is_ok_and(|response| response.status() == 200)
    }
}

#[tokio::test]
async fn service_reloads_certificate_without_restart() {
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    let first = Identity::write(folder.path());
    let service = first.setup().start();
    assert!(service.address.starts_with("https://"), "{}", service.address);
    assert!(first.is_used_by(&service.address).await);
    let http_response =
        crate::support::client().get(service.address.replacen("https", "http", 1)).send().await;
    assert!(http_response.is_err(), "the service must reject HTTP without TLS");

    let second = Identity::write(folder.path());
    assert!(!second.is_used_by(&service.address).await);
    service.signal("HUP");
    assert!(eventually(Duration::from_secs(5), async || second.is_used_by(&service.address).await).await);
    assert!(!first.is_used_by(&service.address).await);

    // If the new key is damaged, the service continues to use the old certificate and its key.
    std::fs::write(&second.files[1], "no key").expect("the file must be written");
    service.signal("HUP");
    let is_logged = async || service.log().contains("the old one stays in use");
    assert!(eventually(Duration::from_secs(5), is_logged).await);
    assert!(second.is_used_by(&service.address).await);

    // Without a signal, the service reads the new certificate at its next periodic check.
    let third = Identity::write(folder.path());
    assert!(eventually(Duration::from_secs(20), async || third.is_used_by(&service.address).await).await);
}

#[test]
fn unusable_certificate_stops_start() {
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    let identity = Identity::write(folder.path());
    let key_without_certificate = Setup::new().with("ICP__SERVER__TLS_KEY", "key.pem");
    assert!(
        run_failing(&key_without_certificate, &["config"]).contains("ICP__SERVER__TLS_CERTIFICATE"),
        "the message must name the missing setting"
    );

    let other_key = rcgen::KeyPair::generate().expect("the key must be generated");
    std::fs::write(&identity.files[1], other_key.serialize_pem()).expect("the file must be written");
    assert!(run_failing(&identity.setup(), &["serve"]).contains("is not the certificate of the key"));
    std::fs::write(&identity.files[0], "").expect("the file must be written");
    assert!(run_failing(&identity.setup(), &["serve"]).contains("contains no certificate"));
    std::fs::remove_file(&identity.files[0]).expect("the file must be removed");
    let message = run_failing(&identity.setup(), &["serve"]);
    assert!(message.contains("tls.crt") && message.contains("ICP__SERVER__TLS_CERTIFICATE"), "{message}");
}

#[test]
fn health_command_uses_settings_of_service() {
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    for setup in [Setup::new(), Identity::write(folder.path()).setup()] {
        let service = setup.start();
        let port = service.address.rsplit(':').next().expect("the address must have a port").to_owned();
        let health_setup =
            service.setup.clone().with("ICP__SERVER__PORT", &port).with("ICP__SERVER__HOST", "127.0.0.1");
        for arguments in [&["health"][..], &["health", "--ready"]] {
            let output = health_setup.icp(arguments);
            assert!(output.status.success(), "{}", stderr(&output));
            assert!(stdout(&output).contains("status"));
        }
        let options = ["health", "--host", "127.0.0.1", "--port", &port];
        assert!(service.setup.icp(&options).status.success(), "the options must override the settings");
        drop(service);
        let output = health_setup.icp(&["health"]);
        assert!(!output.status.success() && stderr(&output).contains("no response"), "{}", stderr(&output));
    }
}
