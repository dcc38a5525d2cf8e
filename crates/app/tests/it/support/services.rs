//! Starts services that share one key of the development sign-in, so that one token is valid for all of them.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use crate::support::users::User;
use crate::support::{Service, Setup, stderr};

const DEVELOPMENT_KEY_FILE: &str = "data/development-key.pem";

static DEVELOPMENT_KEY: LazyLock<String> = LazyLock::new(|| {
    let setup = Setup::new();
    setup.token(&["--user", "user_first"]);
    std::fs::read_to_string(setup.path().join(DEVELOPMENT_KEY_FILE)).expect("the key file must exist")
});

/// The tokens. A key is a user ID, and whether the user is an admin.
static TOKENS: LazyLock<Mutex<HashMap<(String, bool), String>>> = LazyLock::new(Mutex::default);

/// Stores the shared key in the folder of a setup.
pub(crate) fn with_shared_key(setup: Setup) -> Setup {
    std::fs::create_dir(setup.path().join("data")).expect("the folder must be created");
    std::fs::write(setup.path().join(DEVELOPMENT_KEY_FILE), DEVELOPMENT_KEY.as_str())
        .expect("the file must be written");
    setup
}

/// Declares the tests `$test::sqlite` and `$test::postgres`. Each test calls the function `$test` with a service on
/// its database. The function `$settings` adds settings to the service.
macro_rules! on_both_databases {
    ($test:ident) => {
        on_both_databases!(@ $test, Setup::new());
    };
    ($test:ident, with $settings:ident) => {
        on_both_databases!(@ $test, super::$settings(Setup::new()));
    };
    (@ $test:ident, $setup:expr) => {
        mod $test {
            use crate::support::{Setup, services};

            #[tokio::test]
            async fn sqlite() {
                super::$test(&services::start_on_sqlite($setup)).await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$test(&services::start_on_postgres($setup)).await;
            }
        }
    };
}
pub(crate) use on_both_databases;

pub(crate) fn start_on_sqlite(setup: Setup) -> Service {
    with_shared_key(setup).start()
}

pub(crate) fn start_on_postgres(setup: Setup) -> Service {
    let database = icp_test_postgres::shared().database();
    let mut service = with_shared_key(setup).with("ICP__DATABASE__URL", database.url()).start();
    service.database = Some(database);
    service
}

impl Service {
    pub(crate) fn user(&self, id: &str) -> User<'_> {
        self.sign_in(id, false)
    }

    pub(crate) fn admin(&self, id: &str) -> User<'_> {
        self.sign_in(id, true)
    }

    fn sign_in(&self, id: &str, is_admin: bool) -> User<'_> {
        let mut tokens = TOKENS.lock().expect("the lock must not be poisoned");
        let token = tokens.entry((id.to_owned(), is_admin));
        let token = token.or_insert_with(|| if is_admin { self.admin_token(id) } else { self.token(id) });
        User::new(self, token.clone())
    }

    /// Imports one line, which may contain unknown fields.
    #[track_caller]
    pub(crate) fn import(&self, record: &str, arguments: &[&str]) {
        let arguments = [&["import", "--lenient"], arguments].concat();
        let output = self.setup.icp_with_input(&arguments, record.as_bytes());
        assert!(output.status.success(), "{}", stderr(&output));
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.socket_address()).expect("the client must connect");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("the timeout must be set");
        socket
    }

    /// Sends bytes, and reads until the service closes the connection.
    pub(crate) fn exchange(&self, bytes: &[u8]) -> String {
        let mut socket = self.connect();
        // The service may close the connection during the write.
        let _ = socket.write_all(bytes);
        let _ = socket.shutdown(Shutdown::Write);
        let mut response = Vec::new();
        let _ = socket.read_to_end(&mut response);
        String::from_utf8_lossy(&response).into_owned()
    }
}
