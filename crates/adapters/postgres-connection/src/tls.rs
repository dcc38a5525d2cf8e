//! Encrypted connections, with the modes of libpq (PostgreSQL's documentation, chapter "libpq", section "SSL Support").

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

/// An error in the TLS parameters of a database URL.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTls {
    /// The mode is unknown or not supported.
    #[error("sslmode must be disable, prefer, require, verify-ca or verify-full")]
    Mode,
    /// The mode does not verify the host name. Public authorities sign certificates for any host, so a mode without
    /// this check would accept any server with such a certificate.
    #[error("sslrootcert=system requires sslmode=verify-full")]
    WeakMode,
    /// The file in `sslrootcert` cannot be used.
    #[error("sslrootcert: {} {reason}", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The operating system has no trusted certificates.
    #[error("the operating system has no trusted certificates; set sslrootcert to a file with certificates")]
    NoRoots,
    /// rustls rejects the configuration.
    #[error("cannot set up encryption: {0}")]
    Library(#[from] Error),
}

/// The TLS parameters of a database URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsOptions {
    pub(crate) mode: Mode,
    pub(crate) trust: Option<Trust>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    Disable,
    /// The connection is encrypted if the server supports encryption. Any certificate is accepted.
    Prefer,
    /// The connection is encrypted. Any certificate is accepted.
    Require,
    /// The connection is encrypted, and the server's certificate must be signed by a trusted authority.
    VerifyCa,
    /// Like `VerifyCa`. In addition, the certificate must be valid for the host in the URL.
    VerifyFull,
}

/// The source of the trusted certificates. Without a source, the certificates of the operating system are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The trusted certificates of the operating system.
    System,
    /// The certificates in a PEM file.
    File(PathBuf),
}

impl TlsOptions {
    pub(crate) fn new(mode: Option<&str>, trust: Option<Trust>) -> Result<Self, InvalidTls> {
        let mode = match (mode, &trust) {
            (Some("disable"), _) => Mode::Disable,
            (Some("verify-full"), _) | (None, Some(Trust::System)) => Mode::VerifyFull,
            (Some("prefer" | "require" | "verify-ca"), Some(Trust::System)) => {
                return Err(InvalidTls::WeakMode);
            }
            (None | Some("prefer"), _) => Mode::Prefer,
            (Some("require"), None) => Mode::Require,
            (Some("require" | "verify-ca"), _) => Mode::VerifyCa,
            (Some(_), _) => return Err(InvalidTls::Mode),
        };
        Ok(Self { mode, trust })
    }

    /// Returns the TLS connector, or `None` if connections are not encrypted.
    pub(crate) fn connector(&self) -> Result<Option<MakeRustlsConnect>, InvalidTls> {
        if self.mode == Mode::Disable {
            return Ok(None);
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let trusted = if self.mode < Mode::VerifyCa { Vec::new() } else { self.trusted_certificates()? };
        let chain = match trusted.as_slice() {
            [] => None,
            trusted => Some(chain_verifier(trusted, &provider)?),
        };
        let verifies_host_name = self.mode == Mode::VerifyFull;
        let verifier = Verifier { chain, trusted, verifies_host_name, provider: Arc::clone(&provider) };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        Ok(Some(MakeRustlsConnect::new(config.with_no_client_auth())))
    }

    /// Returns the trusted certificates. Fails if there are none, or if those in the file cannot be used.
    fn trusted_certificates(&self) -> Result<Vec<CertificateDer<'static>>, InvalidTls> {
        let Some(Trust::File(path)) = &self.trust else {
            let certificates = rustls_native_certs::load_native_certs().certs;
            return if certificates.is_empty() { Err(InvalidTls::NoRoots) } else { Ok(certificates) };
        };
        let unusable = |reason: String| InvalidTls::Roots { path: path.clone(), reason };
        let certificates =
            CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let certificates = certificates.map_err(|error| unusable(format!("cannot be read: {error}")))?;
        if certificates.is_empty() {
            return Err(unusable("contains no certificate in PEM".to_owned()));
        }
        for certificate in &certificates {
            RootCertStore::empty()
                .add(certificate.clone())
                .map_err(|error| unusable(format!("contains a certificate that cannot be used: {error}")))?;
        }
        Ok(certificates)
    }
}

fn chain_verifier(
    trusted: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, InvalidTls> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted.iter().cloned());
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| Error::General(error.to_string()).into())
}

/// Verifies server certificates according to the mode.
#[derive(Debug)]
struct Verifier {
    /// `None` if the mode accepts any certificate.
    chain: Option<Arc<WebPkiServerVerifier>>,
    /// The trusted certificates. A server may itself use a trusted certificate, as PostgreSQL's manual suggests.
    trusted: Vec<CertificateDer<'static>>,
    verifies_host_name: bool,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// Returns true if `certificate` is itself trusted, and `error` only reports that it is a CA certificate. webpki
    /// checks the validity period before it reports this error. The signature of a trusted certificate needs no check.
    fn is_trusted_itself(&self, certificate: &CertificateDer<'_>, error: &Error) -> bool {
        let Error::InvalidCertificate(CertificateError::Other(other)) = error else { return false };
        other.to_string().contains("CaUsedAsEndEntity")
            && self.trusted.iter().any(|trusted| trusted == certificate)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // webpki checks the name last. So this error means that the certificate chain is valid.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.verifies_host_name => Ok(ServerCertVerified::assertion()),
            Err(error) if self.is_trusted_itself(end_entity, &error) => {
                if self.verifies_host_name {
                    verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // Without trusted certificates, a signature proves nothing. In addition, webpki cannot parse certificates of
        // version 1.
        if self.chain.is_none() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.chain.is_none() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
