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
/// The default JSON Pointer to the claim in which the value `admin` makes the user an admin.
pub const ADMIN_CLAIM: &str = "/metadata/role";
/// A user of every sample ICP.
pub const SAMPLE_USER: &str = "user_abc123";

/// The file of the key, in the working directory.
const KEY_PATH: &str = "data/development-key.pem";
const PRIVATE_KEY: &str = "PRIVATE KEY";
/// The value of the header field `cat` with which Clerk marks session tokens.
const SESSION_CATEGORY: &str = "cl_B7d4PD111AAA";

/// The claims of a token that depend on the configuration of the service.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenClaims<'a> {
    /// The party (`azp`).
    pub party: Option<&'a str>,
    /// The audience (`aud`).
    pub audience: Option<&'a str>,
    /// The JSON Pointer to the claim that makes the user an admin. `None` means [`ADMIN_CLAIM`].
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
    /// If the key cannot be read or created.
    pub fn load_or_create() -> anyhow::Result<Self> {
        let path = Path::new(KEY_PATH);
        if !path.exists() {
            create_key_file(path).with_context(|| format!("cannot create the development key {KEY_PATH}"))?;
        }
        Self::load()
    }

    /// Returns the key in the working directory. Does not create a key, because a running service would not accept
    /// tokens that a new key has signed.
    ///
    /// # Errors
    ///
    /// If the key cannot be read.
    pub fn load() -> anyhow::Result<Self> {
        let pem = std::fs::read_to_string(KEY_PATH).with_context(|| {
            let folder = std::env::current_dir().unwrap_or_default();
            let folder = folder.display();
            format!(
                "cannot read the development key {KEY_PATH} in {folder}; run this command in the directory of the \
                 service: `icp serve` creates the key when it starts"
            )
        })?;
        Self::parse(pem).with_context(|| {
            format!("{KEY_PATH} is not an RSA key in PKCS#8; remove it, and restart the service")
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

    /// Returns a session token in the form of Clerk's session tokens.
    ///
    /// # Errors
    ///
    /// If the token cannot be signed.
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
                set_claim(&mut claims, pointer, value.into());
            }
        }
        if caller.is_admin() {
            set_claim(&mut claims, required.admin.unwrap_or(ADMIN_CLAIM), "admin".into());
        }
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some("development".to_owned());
        header.extras.insert("cat".to_owned(), Value::from(SESSION_CATEGORY));
        let key = EncodingKey::from_rsa_pem(self.private.expose_secret().as_bytes())?;
        Ok(jsonwebtoken::encode(&header, &claims, &key)?)
    }
}

/// Sets the value at a JSON Pointer. Creates missing objects on its path, and replaces values on its path that are not
/// objects.
fn set_claim(claims: &mut Value, pointer: &str, value: Value) {
    let mut target = claims;
    for name in pointer.split('/').skip(1) {
        let name = name.replace("~1", "/").replace("~0", "~");
        if !target.is_object() {
            *target = json!({});
        }
        let Value::Object(members) = target else { return };
        target = members.entry(name).or_insert(Value::Null);
    }
    *target = value;
}

/// Writes a new key, unless another process has written one first. The file is complete before it gets its name. Only
/// its owner may read the file.
fn create_key_file(path: &Path) -> anyhow::Result<()> {
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
