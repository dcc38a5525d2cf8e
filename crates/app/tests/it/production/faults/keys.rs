//! A fake Clerk instance, which returns a key set over HTTP. The key set contains the key of the development sign-in,
//! with which the tests create tokens. A test can make the instance unreachable.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

use crate::support::Setup;

/// The issuer of development tokens.
const ISSUER: &str = "https://development.icp.invalid";

pub(crate) struct KeyServer {
    url: String,
    is_down: Arc<AtomicBool>,
}

impl KeyServer {
    /// Starts a server that returns the development key of a folder.
    pub(crate) fn start(folder: &Path) -> Self {
        let body = build_key_set(&folder.join("data/development-key.pem"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("the listener must bind the port");
        let url =
            format!("http://{}/jwks.json", listener.local_addr().expect("the listener must have an address"));
        let is_down = Arc::new(AtomicBool::new(false));
        let is_unreachable = Arc::clone(&is_down);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut head = [0; 4096];
                // A server that is down closes each connection without a response.
                if stream.read(&mut head).is_ok() && !is_unreachable.load(Ordering::Relaxed) {
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                        body.len()
                    );
                    let _ = stream.write_all((head + &body).as_bytes());
                }
            }
        });
        Self { url, is_down }
    }

    /// Returns a setup in which the service trusts this instance, and fetches the keys every few seconds.
    pub(crate) fn trusted_by(&self, setup: Setup) -> Setup {
        let setup = setup.with("ICP__AUTH__ISSUER", ISSUER).with("ICP__AUTH__JWKS_URL", &self.url);
        setup.with("ICP__AUTH__JWKS_LIFETIME_SECONDS", "5").with("ICP__AUTH__JWKS_COOLDOWN_SECONDS", "1")
    }

    pub(crate) fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::Relaxed);
    }
}

fn build_key_set(file: &Path) -> String {
    let pem = std::fs::read_to_string(file).expect("the key file must be readable");
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let pair = KeyPair::from_pkcs8(&BASE64_STANDARD.decode(base64).expect("the text must be base64"))
        .expect("the key must be valid");
    let key = pair.public_key();
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let (n, e) = (key.modulus(), key.exponent());
    serde_json::json!({"keys": [{
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "development",
        "n": encode(n.big_endian_without_leading_zero()), "e": encode(e.big_endian_without_leading_zero()),
    }]})
    .to_string()
}
