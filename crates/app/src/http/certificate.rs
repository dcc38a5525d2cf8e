//! The TLS certificate, which the service reads again when its files change.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use icp_settings::TlsFiles;

/// Time between two checks of the modification times. `SIGHUP` causes an immediate read.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// A certificate and its key. Clones share them.
#[derive(Clone)]
pub(crate) struct Certificate(Arc<Inner>);

struct Inner {
    files: TlsFiles,
    /// The times of modification of the files at the first read.
    first_seen: [Option<SystemTime>; 2],
    current: ArcSwap<CertifiedKey>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or is invalid.
    pub(crate) fn read(files: &TlsFiles) -> anyhow::Result<Self> {
        let first_seen = modification_times(files);
        let current = ArcSwap::from_pointee(read_certified_key(files)?);
        Ok(Self(Arc::new(Inner { files: files.clone(), first_seen, current })))
    }

    /// Returns a configuration with TLS 1.2 and 1.3 that uses the current certificate for each connection.
    pub(crate) fn server_config(&self) -> anyhow::Result<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().context("TLS cannot be set up")?;
        Ok(builder.with_no_client_auth().with_cert_resolver(Arc::new(self.clone())))
    }

    /// Reads the files again after each change and each `SIGHUP`. Never returns. If a file is invalid, the old
    /// certificate stays in use.
    pub(crate) async fn reload_on_change(self) {
        let mut seen = self.0.first_seen;
        loop {
            let is_requested = tokio::time::timeout(CHECK_INTERVAL, wait_for_hangup()).await.is_ok();
            let now = modification_times(&self.0.files);
            // An invalid file may be incomplete: the next check reads it again.
            if (is_requested || now != seen) && self.read_again() {
                seen = now;
            }
        }
    }

    fn read_again(&self) -> bool {
        match read_certified_key(&self.0.files) {
            Ok(key) => {
                self.0.current.store(Arc::new(key));
                tracing::info!("read the certificate again");
                true
            }
            Err(error) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "cannot read the new certificate; the old one stays in use"
                );
                false
            }
        }
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Certificate").field("files", &self.0.files).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.current.load_full())
    }
}

/// Returns the time of the last change of each file.
fn modification_times(files: &TlsFiles) -> [Option<SystemTime>; 2] {
    let modified = |path: &PathBuf| std::fs::metadata(path).and_then(|file| file.modified()).ok();
    [modified(&files.certificate), modified(&files.key)]
}

fn read_certified_key(files: &TlsFiles) -> anyhow::Result<CertifiedKey> {
    let unreadable = |path: &Path| format!("{} cannot be read", path.display());
    let chain =
        CertificateDer::pem_file_iter(&files.certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.with_context(|| unreadable(&files.certificate))?;
    ensure!(!chain.is_empty(), "{} contains no certificate in PEM", files.certificate.display());
    let key = PrivateKeyDer::from_pem_file(&files.key).with_context(|| unreadable(&files.key))?;
    let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
    key.with_context(|| {
        format!("{} is not the certificate of the key {}", files.certificate.display(), files.key.display())
    })
}

/// Waits for `SIGHUP`. Never returns on systems without signals.
async fn wait_for_hangup() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut signals) = signal(SignalKind::hangup()) {
            signals.recv().await;
            return;
        }
    }
    std::future::pending::<()>().await;
}
