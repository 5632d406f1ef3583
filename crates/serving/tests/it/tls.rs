//! A server with TLS over real sockets, with certificates that the tests make.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serving::{Limits, Tls, TlsError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

const NAME: &str = "hub.test";
const PATIENCE: Duration = Duration::from_secs(30);

/// A certificate for [`NAME`] with its key.
struct Pair {
    certificate: String,
    key: String,
    der: CertificateDer<'static>,
}

impl Pair {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
        Self { certificate: made.cert.pem(), key: made.signing_key.serialize_pem(), der: made.cert.der().clone() }
    }
}

/// The files of a server's certificate and key.
struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    fn new(pair: &Pair) -> Self {
        let files = Self { dir: tempfile::tempdir().unwrap() };
        files.write(&pair.certificate, &pair.key);
        files
    }

    fn certificate(&self) -> PathBuf {
        self.dir.path().join("hub.crt")
    }

    fn key(&self) -> PathBuf {
        self.dir.path().join("hub.key")
    }

    fn write(&self, certificate: &str, key: &str) {
        std::fs::write(self.certificate(), certificate).unwrap();
        std::fs::write(self.key(), key).unwrap();
    }

    fn load(&self) -> Result<Tls, TlsError> {
        Tls::load(&self.certificate(), &self.key())
    }
}

/// Starts a server that answers with the port of its client.
async fn serve(tls: &Arc<Tls>, limits: Limits) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.port().to_string() }));
    tokio::spawn(serving::serve_tls(listener, router, limits, std::future::pending(), Arc::clone(tls)));
    at
}

/// Makes a call as a client that trusts one certificate alone. Returns the answer, or why there is none.
async fn call(at: SocketAddr, trusted: &Pair) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let stream = TcpStream::connect(at).await?;
    let port = stream.local_addr()?.port();
    let mut stream = connector.connect(ServerName::try_from(NAME).unwrap(), stream).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: hub.test\r\nconnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with(&port.to_string()), "{answer}");
    Ok(answer)
}

#[tokio::test]
async fn new_connections_use_a_certificate_that_replaces_the_one_before() {
    let (first, second) = (Pair::new(), Pair::new());
    let files = Files::new(&first);
    let tls = Arc::new(files.load().unwrap());
    let at = serve(&tls, Limits::default()).await;
    call(at, &first).await.unwrap();
    assert!(call(at, &second).await.is_err(), "the server has the first");
    tokio::spawn(Arc::clone(&tls).watch(Duration::from_millis(10), std::future::pending()));
    files.write(&second.certificate, &second.key);
    let replaced = async {
        while call(at, &second).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, replaced).await.unwrap();
    assert!(call(at, &first).await.is_err());
}

#[tokio::test]
async fn pair_that_can_not_be_used_leaves_the_one_before_in_use() {
    let (first, second) = (Pair::new(), Pair::new());
    let files = Files::new(&first);
    let tls = Arc::new(files.load().unwrap());
    let at = serve(&tls, Limits::default()).await;
    for (certificate, key, reason) in [
        (&*second.certificate, &*first.key, "can't be used together"),
        ("", &*second.key, "holds no certificate"),
        ("-----BEGIN CERTIFICATE-----\ncanary", &*second.key, "holds no certificate"),
        (&*second.certificate, "canary", "holds no unencrypted private key"),
    ] {
        files.write(certificate, key);
        let error = tls.reload().unwrap_err().to_string();
        assert!(error.contains(reason) && !error.contains("canary"), "{error}");
        call(at, &first).await.unwrap();
    }
    std::fs::remove_file(files.key()).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Unreadable { .. })));
    assert!(matches!(files.load(), Err(TlsError::Unreadable { .. })));
    files.write(&second.certificate, &second.key);
    assert!(tls.reload().unwrap(), "the new pair is whole now");
    assert!(!tls.reload().unwrap(), "nothing has changed since");
    call(at, &second).await.unwrap();
}

#[tokio::test]
async fn client_that_speaks_no_tls_or_says_nothing_is_closed_and_keeps_nobody_out() {
    let pair = Pair::new();
    let tls = Arc::new(Files::new(&pair).load().unwrap());
    let limits = Limits { header: Duration::from_millis(200), ..Limits::default() };
    let at = serve(&tls, limits).await;
    let mut silent = TcpStream::connect(at).await.unwrap();
    let mut plain = TcpStream::connect(at).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: hub.test\r\n\r\n").await.unwrap();
    call(at, &pair).await.unwrap();
    for stream in [&mut plain, &mut silent] {
        let mut received = Vec::new();
        let closed = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut received)).await.unwrap();
        // A reset connection is closed, too. TLS answers nonsense with an alert of seven bytes.
        assert!(closed.is_err() || received.len() <= 7, "{received:?}");
    }
}
