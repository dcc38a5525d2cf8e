//! Encrypted connections, with the modes of libpq (PostgreSQL's documentation, section 34.19.1).

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Why connections cannot be encrypted as asked.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTls {
    /// There is no such mode.
    #[error("sslmode must be disable, prefer, require, verify-ca or verify-full")]
    Mode,
    /// Nothing would be known of the server.
    #[error("sslrootcert=system goes with sslmode=verify-full only")]
    WeakMode,
    /// The file of certificates is of no use.
    #[error("sslrootcert: {} {reason}", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// This machine trusts nobody.
    #[error("this machine has no certificates to trust; name some with sslrootcert")]
    NoRoots,
    /// The library refuses.
    #[error("encryption cannot be set up: {0}")]
    Library(String),
}

/// What a URL says about encryption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsOptions {
    pub(crate) encryption: Encryption,
    pub(crate) trust: Option<Trust>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    Off,
    /// Where the server offers it, with whoever it is.
    Preferred,
    Required(Verification),
}

/// What is checked of a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verification {
    None,
    /// That somebody who is trusted has signed it.
    Chain,
    /// And that it is for the host that was asked for.
    ChainAndName,
}

/// Whose signatures count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Those that this machine trusts.
    System,
    /// Those in a file of PEM certificates.
    File(PathBuf),
}

impl TlsOptions {
    pub(crate) fn new(mode: Option<&str>, trust: Option<Trust>) -> Result<Self, InvalidTls> {
        let encryption = match (mode, &trust) {
            (Some("disable"), _) => Encryption::Off,
            // As in libpq: those whom a machine trusts sign for anybody, so that without the name nothing would be known.
            (Some("verify-full"), _) | (None, Some(Trust::System)) => {
                Encryption::Required(Verification::ChainAndName)
            }
            (Some("prefer" | "require" | "verify-ca"), Some(Trust::System)) => {
                return Err(InvalidTls::WeakMode);
            }
            (None | Some("prefer"), _) => Encryption::Preferred,
            (Some("require"), None) => Encryption::Required(Verification::None),
            (Some("require" | "verify-ca"), _) => Encryption::Required(Verification::Chain),
            (Some(_), _) => return Err(InvalidTls::Mode),
        };
        Ok(Self { encryption, trust })
    }

    /// What makes encrypted connections; `None` when they are not to be.
    pub(crate) fn connector(&self) -> Result<Option<MakeRustlsConnect>, InvalidTls> {
        let verification = match self.encryption {
            Encryption::Off => return Ok(None),
            Encryption::Preferred => Verification::None,
            Encryption::Required(verification) => verification,
        };
        let library = |error: Error| InvalidTls::Library(error.to_string());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Verifier {
            chain: match verification {
                Verification::None => None,
                Verification::Chain | Verification::ChainAndName => Some(self.chain_verifier(&provider)?),
            },
            checks_name: verification == Verification::ChainAndName,
            provider: Arc::clone(&provider),
        };
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config =
            config.map_err(library)?.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        Ok(Some(MakeRustlsConnect::new(config.with_no_client_auth())))
    }

    fn chain_verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<WebPkiServerVerifier>, InvalidTls> {
        let mut roots = RootCertStore::empty();
        match &self.trust {
            None | Some(Trust::System) => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() {
                    return Err(InvalidTls::NoRoots);
                }
            }
            Some(Trust::File(path)) => {
                let wrong = |reason: String| InvalidTls::Roots { path: path.clone(), reason };
                let certificates =
                    CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
                let certificates = certificates.map_err(|error| wrong(format!("cannot be read: {error}")))?;
                for certificate in certificates {
                    roots
                        .add(certificate)
                        .map_err(|error| wrong(format!("holds no certificate to trust: {error}")))?;
                }
                if roots.is_empty() {
                    return Err(wrong("holds no certificate in PEM".to_owned()));
                }
            }
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error| InvalidTls::Library(error.to_string()))
    }
}

/// Checks as much of a certificate as the mode asks for. That the server holds its key is checked in every mode.
#[derive(Debug)]
struct Verifier {
    chain: Option<Arc<WebPkiServerVerifier>>,
    checks_name: bool,
    provider: Arc<CryptoProvider>,
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
            // The name is looked at last, when all else is well.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.checks_name => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
