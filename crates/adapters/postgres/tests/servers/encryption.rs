//! `sslmode`, with several certificates of the server.

use std::path::PathBuf;
use std::sync::Arc;

use icp_ports::RepositoryError;
use icp_test_postgres::Server;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

use crate::support::{client, count, database, migrated, with_causes};

/// A certificate authority, and the file of its certificate.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: PathBuf,
    _folder: Arc<tempfile::TempDir>,
}

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new([]).expect("parameters");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("a key"));
        let issuer = issuer.expect("a certificate");
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let file = folder.path().join("root certificates.pem");
        std::fs::write(&file, issuer.pem()).expect("must be written");
        Self { issuer, file, _folder: folder }
    }

    /// Configures the server with a certificate for a name.
    fn certify(&self, server: &Server, name: &str, last_year: i32) {
        let key = KeyPair::generate().expect("a key");
        let mut parameters = CertificateParams::new([name.to_owned()]).expect("a name");
        parameters.not_before = date_time_ymd(2020, 1, 1);
        parameters.not_after = date_time_ymd(last_year, 1, 1);
        let certificate = parameters.signed_by(&key, &self.issuer).expect("must be signed");
        server.encrypt(&certificate.pem(), &key.serialize_pem()).expect("the server accepts the certificate");
    }
}

fn url(server: &Server, mode: &str, authority: &Authority) -> String {
    let file = authority.file.display().to_string().replace(' ', "%20");
    format!("{}?sslmode={mode}&sslrootcert={file}", server.url("postgres").replace("127.0.0.1", "localhost"))
}

/// Starts a server for one certificate: a running server reloads its settings only after some time.
async fn server() -> Server {
    let server = Server::start().expect("must start");
    migrated(&server.url("postgres")).await;
    server
}

async fn refusal(url: &str) -> String {
    match count(&database(url), "user_ada").await {
        Err(error @ RepositoryError::Unavailable(_)) => with_causes(&error),
        other => panic!("{other:?}"),
    }
}

/// Waits until the server uses the certificate.
async fn works(url: &str) {
    crate::support::eventually("it connects", async || count(&database(url), "user_ada").await.is_ok()).await;
}

#[tokio::test]
async fn valid_certificate_is_accepted() {
    let (server, authority) = (server().await, Authority::new());
    authority.certify(&server, "localhost", 2100);
    works(&url(&server, "verify-full", &authority)).await;
    works(&url(&server, "verify-ca", &authority)).await;
    let plain = server.url("postgres");
    for (query, encrypted) in [("", true), ("?sslmode=require", true), ("?sslmode=disable", false)] {
        let database = database(&format!("{plain}{query}"));
        count(&database, "user_ada").await.expect("must read");
        let question = "SELECT bool_or(ssl.ssl) FROM pg_stat_ssl ssl JOIN pg_stat_activity USING (pid)
            WHERE application_name = 'icp'";
        let found: bool = client(&plain).await.query_one(question, &[]).await.expect("must respond").get(0);
        assert_eq!(found, encrypted, "{query}");
        drop(database);
        let gone = "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'icp'";
        crate::support::eventually("its connections end", async || {
            client(&plain).await.query_one(gone, &[]).await.expect("must respond").get(0)
        })
        .await;
    }
}

#[tokio::test]
async fn certificate_of_other_authority_is_refused() {
    let (server, authority) = (server().await, Authority::new());
    Authority::new().certify(&server, "localhost", 2100);
    works(&format!("{}?sslmode=require", server.url("postgres"))).await;
    for mode in ["verify-full", "verify-ca", "require"] {
        let message = refusal(&url(&server, mode, &authority)).await;
        assert!(message.contains("invalid peer certificate"), "{mode}: {message}");
    }
}

#[tokio::test]
async fn verify_full_refuses_certificate_for_other_name() {
    let (server, authority) = (server().await, Authority::new());
    authority.certify(&server, "db.example.com", 2100);
    works(&url(&server, "verify-ca", &authority)).await;
    let message = refusal(&url(&server, "verify-full", &authority)).await;
    assert!(message.contains("not valid for name \"localhost\""), "{message}");
}

#[tokio::test]
async fn expired_certificate_is_refused() {
    let (server, authority) = (server().await, Authority::new());
    authority.certify(&server, "localhost", 2021);
    works(&format!("{}?sslmode=require", server.url("postgres"))).await;
    for mode in ["verify-full", "verify-ca"] {
        let message = refusal(&url(&server, mode, &authority)).await;
        assert!(message.contains("certificate expired"), "{mode}: {message}");
    }
}

#[tokio::test]
async fn unencrypted_server_is_refused_by_require() {
    let server = server().await;
    works(&format!("{}?sslmode=prefer", server.url("postgres"))).await;
    let message = refusal(&format!("{}?sslmode=require", server.url("postgres"))).await;
    assert!(message.contains("TLS"), "{message}");
}

/// The certificate is of version 1, for `localhost`, from an untrusted authority, as in PostgreSQL's manual for OpenSSL 3.0.
#[tokio::test]
async fn version_1_certificate_is_accepted_without_verification() {
    let server = server().await;
    server
        .encrypt(include_str!("version-1.crt"), include_str!("version-1.key"))
        .expect("the server accepts the certificate");
    works(&format!("{}?sslmode=require", server.url("postgres"))).await;
    works(&server.url("postgres")).await;
    let question = "SELECT bool_and(ssl.ssl) FROM pg_stat_ssl ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name = 'icp'";
    let database = database(&server.url("postgres"));
    count(&database, "user_ada").await.expect("must read");
    let encrypted: Option<bool> =
        client(&server.url("postgres")).await.query_one(question, &[]).await.expect("must respond").get(0);
    assert_eq!(encrypted, Some(true));
}

#[tokio::test]
async fn self_signed_certificate_is_its_own_root() {
    let server = server().await;
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root.crt");
    let certify = |name: &str, last_year: i32| {
        let key = KeyPair::generate().expect("a key");
        let mut parameters = CertificateParams::new([name.to_owned()]).expect("a name");
        // As `openssl req -x509` creates it.
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.not_before = date_time_ymd(2020, 1, 1);
        parameters.not_after = date_time_ymd(last_year, 1, 1);
        let certificate = parameters.self_signed(&key).expect("must be signed");
        std::fs::write(&root, certificate.pem()).expect("must be written");
        server.encrypt(&certificate.pem(), &key.serialize_pem()).expect("the server accepts the certificate");
    };
    let url = |mode: &str| {
        let url = server.url("postgres").replace("127.0.0.1", "localhost");
        format!("{url}?sslmode={mode}&sslrootcert={}", root.display())
    };
    certify("localhost", 2100);
    works(&url("verify-ca")).await;
    works(&url("verify-full")).await;
    certify("db.example.com", 2100);
    works(&url("verify-ca")).await;
    assert!(refusal(&url("verify-full")).await.contains("not valid for name"));
    certify("localhost", 2021);
    crate::support::eventually("it has expired", async || {
        count(&database(&url("verify-ca")), "user_ada").await.is_err()
    })
    .await;
    assert!(refusal(&url("verify-ca")).await.contains("expired"));
}
