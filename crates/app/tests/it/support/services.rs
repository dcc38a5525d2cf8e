//! Services that share one key of the development sign-in, so that they also share tokens.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use crate::support::users::User;
use crate::support::{Service, Setup, stderr};

const KEY_FILE: &str = "data/development-key.pem";

static KEY: LazyLock<String> = LazyLock::new(|| {
    let setup = Setup::new();
    setup.token(&["--user", "user_first"]);
    std::fs::read_to_string(setup.path().join(KEY_FILE)).expect("the key file must exist")
});

/// Tokens by user ID and admin rights.
static TOKENS: LazyLock<Mutex<HashMap<(String, bool), String>>> = LazyLock::new(Mutex::default);

/// Stores the shared key in a setup.
pub(crate) fn with_shared_key(setup: Setup) -> Setup {
    std::fs::create_dir(setup.path().join("data")).expect("the folder must be created");
    std::fs::write(setup.path().join(KEY_FILE), KEY.as_str()).expect("the file must be written");
    setup
}

/// Declares the tests `$test::sqlite` and `$test::postgres`: they call the function `$test` with a service on that database,
/// which has the settings of the function `$settings`.
macro_rules! on_both {
    ($test:ident) => {
        on_both!(@ $test, Setup::new());
    };
    ($test:ident, with $settings:ident) => {
        on_both!(@ $test, super::$settings(Setup::new()));
    };
    (@ $test:ident, $setup:expr) => {
        mod $test {
            use crate::support::{Setup, services};

            #[tokio::test]
            async fn sqlite() {
                super::$test(&services::on_sqlite($setup)).await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$test(&services::on_postgres($setup)).await;
            }
        }
    };
}
pub(crate) use on_both;

pub(crate) fn on_sqlite(setup: Setup) -> Service {
    with_shared_key(setup).start()
}

pub(crate) fn on_postgres(setup: Setup) -> Service {
    let database = icp_test_postgres::shared().database();
    let mut service = with_shared_key(setup).with("ICP__DATABASE__URL", database.url()).start();
    service.database = Some(database);
    service
}

impl Service {
    pub(crate) fn user(&self, id: &str) -> User<'_> {
        self.signed_in(id, false)
    }

    pub(crate) fn admin(&self, id: &str) -> User<'_> {
        self.signed_in(id, true)
    }

    fn signed_in(&self, id: &str, is_admin: bool) -> User<'_> {
        let mut tokens = TOKENS.lock().expect("no thread must have panicked");
        let token = tokens.entry((id.to_owned(), is_admin));
        let token = token.or_insert_with(|| if is_admin { self.admin_token(id) } else { self.token(id) });
        User::new(self, token.clone())
    }

    /// Imports one line, which may have unknown fields.
    #[track_caller]
    pub(crate) fn import(&self, record: &str, arguments: &[&str]) {
        let arguments = [&["import", "--lenient"], arguments].concat();
        let imported = self.setup.icp_with_input(&arguments, record.as_bytes());
        assert!(imported.status.success(), "{}", stderr(&imported));
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.socket()).expect("the client must connect");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("the timeout must be set");
        socket
    }

    /// Sends bytes, and reads until the service closes.
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
