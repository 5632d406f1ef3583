//! The server's certificate and key, read from files and read anew when the files change.

#![allow(clippy::disallowed_methods, reason = "the files are read at times of the machine's clock")]

use std::fmt;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{debug, info, warn};

/// The certificate and key with which a server proves who it is.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    current: Arc<Current>,
    acceptor: TlsAcceptor,
}

/// The reason why a certificate and its key can't be used. It quotes nothing of the key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("{} can't be read: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file of the certificate contains none.
    #[error("{} holds no certificate in PEM format (-----BEGIN CERTIFICATE-----)", .0.display())]
    NoCertificate(PathBuf),
    /// The file of the key contains none.
    #[error("{} holds no unencrypted private key in PEM format (-----BEGIN PRIVATE KEY-----)", .0.display())]
    NoKey(PathBuf),
    /// The certificate and the key don't belong together, or are of a kind that isn't supported.
    #[error("the certificate in {} and the key in {} can't be used together: {source}", .certificate.display(), .key.display())]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// The reason.
        source: rustls::Error,
    },
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).field("key", &self.key).finish_non_exhaustive()
    }
}

/// The certificate and key in use.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read()))
    }
}

impl Tls {
    /// Reads a certificate, with the chain of its issuers, and its key from PEM files.
    ///
    /// # Errors
    ///
    /// Fails if a file can't be read, or the two can't be used together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let pair = read(certificate, key, &provider)?;
        let current = Arc::new(Current(RwLock::new(Arc::new(pair))));
        let unusable = |source| TlsError::Unusable { certificate: certificate.into(), key: key.into(), source };
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Current>::clone(&current);
        let mut config = config.map_err(unusable)?.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self { certificate: certificate.into(), key: key.into(), provider, current, acceptor })
    }

    /// Reads the files anew. Returns whether they contain another certificate, which new connections use from now on.
    ///
    /// # Errors
    ///
    /// Fails if the files can't be used. The certificate before stays in use then.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let pair = read(&self.certificate, &self.key, &self.provider)?;
        if pair.cert == self.current.0.read().cert {
            return Ok(false);
        }
        *self.current.0.write() = Arc::new(pair);
        Ok(true)
    }

    /// Reads the files anew in this interval, until `stop` completes. A new certificate and its key need not appear at
    /// the same moment: until both fit, the ones before stay in use, and the log says why.
    pub async fn watch(self: Arc<Self>, interval: Duration, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut reported = None;
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(interval) => {}
            }
            let tls = Arc::clone(&self);
            let Ok(reloaded) = tokio::task::spawn_blocking(move || tls.reload()).await else { continue };
            match reloaded {
                Ok(is_new) => {
                    reported = None;
                    if is_new {
                        info!(certificate = %self.certificate.display(), "new connections use the new TLS certificate");
                    }
                }
                Err(error) => {
                    let text = error.to_string();
                    if reported.as_ref() != Some(&text) {
                        warn!(%error, "the TLS files can't be used; the certificate before stays in use");
                        reported = Some(text);
                    }
                }
            }
        }
    }

    /// Agrees on keys with a client. Returns `None` if the client doesn't.
    pub(crate) async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let accepted = self.acceptor.accept(stream).await;
        accepted.inspect_err(|error| debug!(%error, "a client did not agree on TLS")).ok()
    }
}

fn read(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let bytes =
        |path: &Path| std::fs::read(path).map_err(|source| TlsError::Unreadable { path: path.to_owned(), source });
    let no_certificate = || TlsError::NoCertificate(certificate.to_owned());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes(certificate)?).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(no_certificate)?;
    let private = PrivateKeyDer::from_pem_slice(&bytes(key)?).map_err(|_| TlsError::NoKey(key.to_owned()))?;
    CertifiedKey::from_der(chain, private, provider).map_err(|source| TlsError::Unusable {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        source,
    })
}
