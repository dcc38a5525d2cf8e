use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use icp_domain::{Caller, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

/// The issuer of development tokens. The top-level domain is reserved (RFC 6761).
pub const ISSUER: &str = "https://development.icp.invalid";
/// The JSON Pointer of the claim in which `admin` makes an admin, by default.
pub const ADMIN_CLAIM: &str = "/metadata/role";
/// The user whom the sample ICPs name.
pub const SAMPLE_USER: &str = "user_abc123";

/// The file of the key, in the working directory.
const PATH: &str = "data/development-key.pem";
const PRIVATE_KEY: &str = "PRIVATE KEY";
/// Clerk's mark of a session token.
const SESSION_CATEGORY: &str = "cl_B7d4PD111AAA";

/// The claims that the configuration of the service requires in a token.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenClaims<'a> {
    /// The party (`azp`).
    pub party: Option<&'a str>,
    /// The audience (`aud`).
    pub audience: Option<&'a str>,
    /// The JSON Pointer of the claim that makes an admin. `None`: [`ADMIN_CLAIM`].
    pub admin: Option<&'a str>,
}

/// The key that signs development tokens.
pub struct DevelopmentKey {
    private: SecretString,
    public: String,
}

impl DevelopmentKey {
    /// Returns the key in the working directory. Creates it if it does not exist.
    ///
    /// # Errors
    ///
    /// If it can be neither read nor created.
    pub fn load_or_make() -> anyhow::Result<Self> {
        let path = Path::new(PATH);
        if !path.exists() {
            make(path).with_context(|| format!("cannot create the development key {PATH}"))?;
        }
        Self::load()
    }

    /// Returns the key in the working directory. Does not create it, because no service would accept the tokens of a new key.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn load() -> anyhow::Result<Self> {
        let pem = std::fs::read_to_string(PATH).with_context(|| {
            let folder = std::env::current_dir().unwrap_or_default();
            let folder = folder.display();
            format!(
                "cannot read the development key {PATH} in {folder}; run this command in the directory of the service: \
                 `icp serve` creates the key when it starts"
            )
        })?;
        Self::parse(pem).with_context(|| {
            format!("{PATH} is not an RSA key in PKCS#8; remove it, and restart the service")
        })
    }

    fn parse(pem: String) -> anyhow::Result<Self> {
        let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let pair = KeyPair::from_pkcs8(&STANDARD.decode(base64)?)?;
        let public = to_pem("RSA PUBLIC KEY", pair.public_key().as_ref());
        Ok(Self { private: pem.into(), public })
    }

    /// Returns the public key, in PEM.
    pub fn public_pem(&self) -> &str {
        &self.public
    }

    /// Returns a session token in the form of Clerk's.
    ///
    /// # Errors
    ///
    /// If it cannot be signed.
    pub fn token(
        &self,
        caller: &Caller,
        lifetime: Duration,
        now: Timestamp,
        required: TokenClaims<'_>,
    ) -> anyhow::Result<String> {
        let seconds = now.unix_millis() / 1_000;
        let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        let mut claims = json!({
            "iss": ISSUER, "sub": caller.user_id(), "sid": "sess_development", "sts": "active", "v": 2,
            "iat": seconds, "nbf": seconds, "exp": seconds.saturating_add(lifetime),
        });
        for (pointer, value) in [("/azp", required.party), ("/aud", required.audience)] {
            if let Some(value) = value {
                set(&mut claims, pointer, value.into());
            }
        }
        if caller.is_admin() {
            set(&mut claims, required.admin.unwrap_or(ADMIN_CLAIM), "admin".into());
        }
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some("development".to_owned());
        header.extras.insert("cat".to_owned(), Value::from(SESSION_CATEGORY));
        let key = EncodingKey::from_rsa_pem(self.private.expose_secret().as_bytes())?;
        Ok(jsonwebtoken::encode(&header, &claims, &key)?)
    }
}

/// Sets the value at a JSON Pointer. Creates missing objects on its path.
fn set(claims: &mut Value, pointer: &str, value: Value) {
    let mut place = claims;
    for name in pointer.split('/').skip(1) {
        let name = name.replace("~1", "/").replace("~0", "~");
        if !place.is_object() {
            *place = json!({});
        }
        let Value::Object(members) = place else { return };
        place = members.entry(name).or_insert(Value::Null);
    }
    *place = value;
}

/// Writes a new key, unless another process has written one. The file is complete before it gets its name, and only its owner
/// may read it.
fn make(path: &Path) -> anyhow::Result<()> {
    let pair = KeyPair::generate(KeySize::Rsa2048)?;
    let der: Pkcs8V1Der<'_> = pair.as_der()?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let draft = PathBuf::from(format!("{}.{}", path.display(), std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&draft)?.write_all(to_pem(PRIVATE_KEY, der.as_ref()).as_bytes())?;
    let linked = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}

fn to_pem(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

impl std::fmt::Debug for DevelopmentKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("DevelopmentKey").finish_non_exhaustive()
    }
}
