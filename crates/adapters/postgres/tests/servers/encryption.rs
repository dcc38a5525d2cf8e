//! Connections with each `sslmode` to servers with valid and invalid certificates.

use std::path::PathBuf;
use std::sync::Arc;

use icp_ports::RepositoryError;
use icp_test_postgres::Server;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

use crate::support::{client, count_icps, database, migrated_database, with_causes};

/// A certificate authority, and the file of its certificate.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: PathBuf,
    _folder: Arc<tempfile::TempDir>,
}

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new([]).expect("the parameters must be valid");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer =
            CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("the key must be generated"));
        let issuer = issuer.expect("the certificate must be created");
        let folder = Arc::new(tempfile::tempdir().expect("the temporary folder must be created"));
        let file = folder.path().join("root certificates.pem");
        std::fs::write(&file, issuer.pem()).expect("the file must be written");
        Self { issuer, file, _folder: folder }
    }

    /// Configures the server with a certificate for the host `name` that expires at the beginning of `last_year`.
    fn certify(&self, server: &Server, name: &str, last_year: i32) {
        let key = KeyPair::generate().expect("the key must be generated");
        let mut parameters = CertificateParams::new([name.to_owned()]).expect("the name must be valid");
        parameters.not_before = date_time_ymd(2020, 1, 1);
        parameters.not_after = date_time_ymd(last_year, 1, 1);
        let certificate = parameters.signed_by(&key, &self.issuer).expect("the certificate must be signed");
        server
            .encrypt(&certificate.pem(), &key.serialize_pem())
            .expect("the server must accept the certificate");
    }
}

fn url(server: &Server, mode: &str, authority: &Authority) -> String {
    let file = authority.file.display().to_string().replace(' ', "%20");
    format!("{}?sslmode={mode}&sslrootcert={file}", server.url("postgres").replace("127.0.0.1", "localhost"))
}

/// Starts a server. Each test has its own server, because a running server loads a new certificate only after some
/// time.
async fn server() -> Server {
    let server = Server::start().expect("the server must start");
    migrated_database(&server.url("postgres")).await;
    server
}

async fn connection_error(url: &str) -> String {
    match count_icps(&database(url), "user_ada").await {
        Err(error @ RepositoryError::Unavailable(_)) => with_causes(&error),
        other => panic!("{other:?}"),
    }
}

/// Waits until a client can connect. The server loads a new certificate only after some time.
async fn wait_for_connection(url: &str) {
    crate::support::wait_until("the client connects", async || {
        count_icps(&database(url), "user_ada").await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn valid_certificate_is_accepted() {
    let (server, authority) = (server().await, Authority::new());
    authority.certify(&server, "localhost", 2100);
    wait_for_connection(&url(&server, "verify-full", &authority)).await;
    wait_for_connection(&url(&server, "verify-ca", &authority)).await;
    let plain = server.url("postgres");
    for (query, expected) in [("", true), ("?sslmode=require", true), ("?sslmode=disable", false)] {
        let database = database(&format!("{plain}{query}"));
        count_icps(&database, "user_ada").await.expect("the list must be read");
        let query_encryption =
            "SELECT bool_or(ssl.ssl) FROM pg_stat_ssl ssl JOIN pg_stat_activity USING (pid)
            WHERE application_name = 'icp'";
        let is_encrypted: bool = client(&plain)
            .await
            .query_one(query_encryption, &[])
            .await
            .expect("the query must succeed")
            .get(0);
        assert_eq!(is_encrypted, expected, "{query}");
        drop(database);
        let query_is_disconnected =
            "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'icp'";
        crate::support::wait_until("the connections of the database end", async || {
            client(&plain)
                .await
                .query_one(query_is_disconnected, &[])
                .await
                .expect("the query must succeed")
                .get(0)
        })
        .await;
    }
}

#[tokio::test]
async fn certificate_of_other_authority_is_refused() {
    let (server, authority) = (server().await, Authority::new());
    Authority::new().certify(&server, "localhost", 2100);
    wait_for_connection(&format!("{}?sslmode=require", server.url("postgres"))).await;
    for mode in ["verify-full", "verify-ca", "require"] {
        let message = connection_error(&url(&server, mode, &authority)).await;
        assert!(message.contains("invalid peer certificate"), "{mode}: {message}");
    }
}

#[tokio::test]
async fn verify_full_refuses_certificate_for_other_name() {
    let (server, authority) = (server().await, Authority::new());
    authority.certify(&server, "db.example.com", 2100);
    wait_for_connection(&url(&server, "verify-ca", &authority)).await;
    let message = connection_error(&url(&server, "verify-full", &authority)).await;
    assert!(message.contains("not valid for name \"localhost\""), "{message}");
}

#[tokio::test]
async fn expired_certificate_is_refused() {
    let (server, authority) = (server().await, Authority::new());
    authority.certify(&server, "localhost", 2021);
    wait_for_connection(&format!("{}?sslmode=require", server.url("postgres"))).await;
    for mode in ["verify-full", "verify-ca"] {
        let message = connection_error(&url(&server, mode, &authority)).await;
        assert!(message.contains("certificate expired"), "{mode}: {message}");
    }
}

#[tokio::test]
async fn require_refuses_unencrypted_server() {
    let server = server().await;
    wait_for_connection(&format!("{}?sslmode=prefer", server.url("postgres"))).await;
    let message = connection_error(&format!("{}?sslmode=require", server.url("postgres"))).await;
    assert!(message.contains("TLS"), "{message}");
}

/// The certificate has version 1, is for `localhost`, and is signed by an untrusted authority. OpenSSL 3.0 creates
/// such a certificate with the commands in PostgreSQL's manual.
#[tokio::test]
async fn version_1_certificate_is_accepted_without_verification() {
    let server = server().await;
    server
        .encrypt(include_str!("version-1.crt"), include_str!("version-1.key"))
        .expect("the server must accept the certificate");
    wait_for_connection(&format!("{}?sslmode=require", server.url("postgres"))).await;
    wait_for_connection(&server.url("postgres")).await;
    let query_encryption = "SELECT bool_and(ssl.ssl) FROM pg_stat_ssl ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name = 'icp'";
    let database = database(&server.url("postgres"));
    count_icps(&database, "user_ada").await.expect("the list must be read");
    let encrypted: Option<bool> = client(&server.url("postgres"))
        .await
        .query_one(query_encryption, &[])
        .await
        .expect("the query must succeed")
        .get(0);
    assert_eq!(encrypted, Some(true));
}

#[tokio::test]
async fn self_signed_certificate_can_be_root() {
    let server = server().await;
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    let root = folder.path().join("root.crt");
    let certify = |name: &str, last_year: i32| {
        let key = KeyPair::generate().expect("the key must be generated");
        let mut parameters = CertificateParams::new([name.to_owned()]).expect("the name must be valid");
        // `openssl req -x509` creates certificates with this flag, too.
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.not_before = date_time_ymd(2020, 1, 1);
        parameters.not_after = date_time_ymd(last_year, 1, 1);
        let certificate = parameters.self_signed(&key).expect("the certificate must be signed");
        std::fs::write(&root, certificate.pem()).expect("the file must be written");
        server
            .encrypt(&certificate.pem(), &key.serialize_pem())
            .expect("the server must accept the certificate");
    };
    let url = |mode: &str| {
        let url = server.url("postgres").replace("127.0.0.1", "localhost");
        format!("{url}?sslmode={mode}&sslrootcert={}", root.display())
    };
    certify("localhost", 2100);
    wait_for_connection(&url("verify-ca")).await;
    wait_for_connection(&url("verify-full")).await;
    certify("db.example.com", 2100);
    wait_for_connection(&url("verify-ca")).await;
    assert!(connection_error(&url("verify-full")).await.contains("not valid for name"));
    certify("localhost", 2021);
    crate::support::wait_until("the server uses the expired certificate", async || {
        count_icps(&database(&url("verify-ca")), "user_ada").await.is_err()
    })
    .await;
    assert!(connection_error(&url("verify-ca")).await.contains("expired"));
}
