//! Settings: their sources, and messages about invalid ones.

use crate::support::{Setup, refusal, stdout};

fn config(setup: &Setup) -> String {
    let output = setup.icp(&["config"]);
    assert!(output.status.success(), "{output:?}");
    stdout(&output)
}

#[test]
fn later_sources_take_precedence_and_are_named() {
    let setup = Setup::new()
        .with("PORT", "1001")
        .with("DATABASE_URL", "sqlite://platform.sqlite3")
        .with("ICP_CONFIG", "named.toml")
        .with("ICP__AUTH__AUTHORIZED_PARTIES", "https://a.example, https://b.example,")
        .with("ICP__AUTH__ISSUER", "");
    std::fs::create_dir(setup.path().join("config")).expect("the folder must be created");
    let default_file =
        "[server]\nworkers = 3\nport = 1002\n[log]\nlevel = \"warn\"\n[database]\nmax_connections = 7\n";
    std::fs::write(setup.path().join("config/default.toml"), default_file).expect("the file must be written");
    std::fs::write(setup.path().join("named.toml"), "[server]\nworkers = 5\n")
        .expect("the file must be written");
    let config = config(&setup);
    for line in [
        "# sign-in: development, on this machine only",
        "server.host = \"127.0.0.1\" # default (ICP__SERVER__HOST)",
        "server.port = 0 # the variable ICP__SERVER__PORT",
        "database.url = \"sqlite://platform.sqlite3\" # the variable DATABASE_URL (ICP__DATABASE__URL)",
        "auth.authorized_parties = [\"https://a.example\", \"https://b.example\"] # the variable ICP__AUTH__AUTHORIZED_PARTIES",
        "# auth.issuer is not set (ICP__AUTH__ISSUER)",
    ] {
        assert!(config.lines().any(|found| found == line), "{line}\nis not in\n{config}");
    }
    let origin_of =
        |key: &str| config.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
    assert!(origin_of("server.workers").starts_with("server.workers = 5 # "), "{config}");
    assert!(origin_of("server.workers").ends_with("named.toml (ICP__SERVER__WORKERS)"), "{config}");
    assert!(origin_of("log.level").ends_with("config/default.toml (ICP__LOG__LEVEL)"), "{config}");
}

#[test]
fn passwords_are_hidden() {
    for (variable, value) in [
        ("ICP__DATABASE__URL", "postgres://icp:hunter2@db.example/icp"),
        ("ICP__DATABASE__URL", "postgres://db.example/icp?user=icp&password=hunter2"),
        ("ICP__DATABASE__URL", "postgres://db.example/icp?options=-c%20password%3Dhunter2"),
        ("ICP__TELEMETRY__OTLP_ENDPOINT", "http://hunter2@db.example:4318"),
    ] {
        let config = config(&Setup::new().with(variable, value));
        assert!(config.contains("db.example") && !config.contains("hunter2"), "{config}");
    }
}

#[test]
fn errors_hide_passwords() {
    for (variable, value) in [
        ("ICP__AUTH__ISSUER", "https://icp:hunter2@clerk.example"),
        ("ICP__SERVER__CORS_ORIGINS", "https://hunter2@app.example"),
        ("ICP__TELEMETRY__OTLP_ENDPOINT", "http://icp:hunter2@[collector"),
    ] {
        let message = refusal(&Setup::new().with(variable, value), &["serve"]);
        assert!(message.contains(variable) && !message.contains("hunter2"), "{message}");
    }
}

#[test]
fn error_names_variable_and_origin_of_bad_value() {
    for (variable, value, key, expected) in [
        ("ICP__SERVER__PORT", "http", "server.port", "from 0 to 65535"),
        ("PORT", "70000", "server.port", "from 0 to 65535"),
        ("ICP__SERVER__WORKERS", "0", "server.workers", "from 1"),
        ("ICP__SERVER__SHUTDOWN_SECONDS", "-1", "server.shutdown_seconds", "from 0"),
        ("ICP__DATABASE__URL", "mysql://localhost/icp", "database.url", "postgres:// or sqlite://"),
        ("ICP__DATABASE__URL", "sqlite://", "database.url", "must name a file"),
        ("ICP__DATABASE__URL", "postgres://[", "database.url", "not a PostgreSQL URL"),
        ("ICP__DATABASE__URL", "postgres://db.example/icp?sslmode=always", "database.url", "verify-full"),
        (
            "ICP__DATABASE__URL",
            "postgres://db.example/icp?sslmode=verify-ca&sslrootcert=/nowhere.pem",
            "database.url",
            "/nowhere.pem cannot be read",
        ),
        (
            "ICP__DATABASE__READ_URL",
            "postgres://db.example/icp",
            "database.read_url",
            "needs a PostgreSQL database",
        ),
        ("ICP__DATABASE__PASSWORD_FILE", "secret", "database.password_file", "needs a PostgreSQL database"),
        ("ICP__DATABASE__URL", "sqlite://:memory:", "database.url", "the path of a file"),
        ("ICP__DATABASE__URL", "sqlite://icp.db?mode=ro", "database.url", "the path of a file"),
        ("ICP__DATABASE__MIGRATE", "perhaps", "database.migrate", "true or false"),
        ("ICP__DATABASE__MIGRATE", "yes", "database.migrate", "true or false"),
        ("ICP__LOG__LEVEL", "loud=1=2", "log.level", "a level"),
        ("ICP__LOG__LEVEL", "inof", "log.level", "a level"),
        ("ICP__LOG__FORMAT", "xml", "log.format", "pretty or json"),
        ("CLERK_PUBLISHABLE_KEY", "pk_live_!", "auth.publishable_key", ""),
        ("ICP__AUTH__JWKS_URL", "https://x.example/", "auth.issuer", "must be set"),
        ("ICP__AUTH__ADMIN_CLAIM", "metadata.role", "auth.admin_claim", ""),
        ("ICP__AUTH__ADMIN_CLAIM", "/o/rol", "auth.admin_claim", "organization"),
        ("ICP__AUTH__ADMIN_CLAIM", "/org_role", "auth.admin_claim", "organization"),
        (
            "ICP__AUTH__ISSUER",
            "https://clerk.example.com\n",
            "auth.issuer",
            r#""https://clerk.example.com\n""#,
        ),
        ("ICP__AUTH__ISSUER", "https://clerk.example.com/", "auth.issuer", r#""https://clerk.example.com/""#),
        ("ICP__AUTH__ISSUER", "'https://clerk.example.com'", "auth.issuer", "can match nothing"),
        (
            "ICP__AUTH__AUTHORIZED_PARTIES",
            "https://a.example,https://b.example/",
            "auth.authorized_parties",
            r#""https://b.example/""#,
        ),
        (
            "ICP__AUTH__AUTHORIZED_PARTIES",
            r#"["https://a.example"]"#,
            "auth.authorized_parties",
            r#"[\"https://a.example\"]"#,
        ),
        ("ICP__AUTH__AUTHORIZED_PARTIES", "https://*.example.com", "auth.authorized_parties", "wildcard"),
        ("ICP__AUTH__AUDIENCE", r#""icp""#, "auth.audience", "quotes"),
        ("ICP__AUTH__ADMIN_USER_IDS", r#"["user_1"]"#, "auth.admin_user_ids", "brackets"),
        (
            "ICP__SERVER__CORS_ORIGINS",
            "https://*.example.com",
            "server.cors_origins",
            r#""https://*.example.com""#,
        ),
        ("ICP__SERVER__CORS_ORIGINS", "*", "server.cors_origins", r#""*""#),
        ("ICP__MCP__RESOURCE", "https://icp.example.com/mcp/", "mcp.resource", "trailing slash"),
        ("ICP__MCP__RESOURCE", "https://icp.example.com/mcp", "mcp.resource", "ICP__MCP__ENABLED"),
        ("ICP__MCP__OAUTH_CLIENT_IDS", "client_1", "mcp.oauth_client_ids", "ICP__MCP__RESOURCE"),
        ("ICP__MCP__REQUIRED_SCOPES", "profile email", "mcp.required_scopes", r#""profile email""#),
        ("ICP__AUTH__JWKS_COOLDOWN_SECONDS", "301", "auth.jwks_cooldown_seconds", "not be longer"),
    ] {
        // The port of every setup would override the platform's.
        let setup = Setup::new().with("ICP__SERVER__PORT", "").with(variable, value);
        let said = refusal(&setup, &["config"]);
        let own = format!("ICP__{}", key.to_uppercase().replace('.', "__"));
        assert!(
            said.contains(key) && said.contains(&own) && said.contains(expected),
            "{variable}={value}: {said}"
        );
    }
}

#[test]
fn clerk_settings_are_validated_before_start() {
    let issuer = Setup::new().with("ICP__AUTH__ISSUER", "https://clerk.example.com");
    let said = refusal(&issuer.with("CLERK_JWT_KEY", "-----BEGIN PUBLIC KEY-----\\nnonsense"), &["serve"]);
    assert!(said.contains("auth.jwt_key (ICP__AUTH__JWT_KEY or CLERK_JWT_KEY)"), "{said}");
    let issuer = Setup::new().with("ICP__AUTH__ISSUER", "https://clerk.example.com");
    let said = refusal(&issuer.with("ICP__AUTH__JWKS_URL", "http://clerk.example.com/jwks"), &["serve"]);
    assert!(said.contains("auth.jwks_url (ICP__AUTH__JWKS_URL)"), "{said}");
}

#[test]
fn unknown_setting_is_refused() {
    let said = refusal(&Setup::new().with("ICP_SERVER_PORT", "80"), &["config"]);
    assert!(said.contains("the variable is ICP__SERVER__PORT"), "{said}");
    for variable in ["ICP__SERVER__PROT", "ICP_SERVER_PORT", "ICP_PORT"] {
        let said = refusal(&Setup::new().with(variable, "80"), &["config"]);
        assert!(said.contains(&format!("{variable}: unknown setting")), "{said}");
    }

    let setup = Setup::new();
    std::fs::write(setup.path().join("icp.toml"), "[server]\nprot = 80\n").expect("the file must be written");
    let said = refusal(&setup, &["--config", "icp.toml", "config"]);
    assert!(said.contains("server.prot") && said.contains("icp.toml"), "{said}");
}

#[test]
fn unreadable_file_is_named() {
    let setup = Setup::new();
    let said = refusal(&setup, &["--config", "nowhere.toml", "config"]);
    assert!(said.contains("nowhere.toml cannot be read"), "{said}");
    let said = refusal(&setup, &["--config", ".", "config"]);
    assert!(said.contains("the settings file . cannot be read"), "{said}");
    // The message does not quote the line, which may contain a password.
    let broken = "[database]\nurl = \"postgres://icp:hunter2@db.example/icp\nmigrate = true\n";
    std::fs::write(setup.path().join("broken.toml"), broken).expect("the file must be written");
    let said = refusal(&setup, &["--config", "broken.toml", "config"]);
    assert!(said.contains("broken.toml is not TOML at line 2") && !said.contains("hunter2"), "{said}");
}

#[test]
fn wrong_type_in_settings_file_is_refused() {
    for (line, key) in [
        ("server.port = 8080.5", "server.port"),
        ("server.host = 1", "server.host"),
        ("database.migrate = 1", "database.migrate"),
        ("auth.authorized_parties = [1, 2]", "auth.authorized_parties"),
        ("auth.authorized_parties = \"https://a.example\"", "auth.authorized_parties"),
    ] {
        // The port of every setup would override the file's.
        let setup = Setup::new().with("ICP__SERVER__PORT", "");
        std::fs::write(setup.path().join("icp.toml"), line).expect("the file must be written");
        let said = refusal(&setup, &["--config", "icp.toml", "config"]);
        assert!(said.contains(key) && said.contains("icp.toml"), "{line}: {said}");
    }
}

/// Other programs accept a target without a level in this variable, and it is set in many shells.
#[test]
fn shared_log_variable_is_not_strict() {
    for value in ["hyper", "hyper,icp_app=debug", "=="] {
        let shown = Setup::new().with("RUST_LOG", value).icp(&["config"]);
        assert!(shown.status.success(), "{value}: {shown:?}");
    }
    let said = refusal(&Setup::new().with("ICP__LOG__LEVEL", "hyper"), &["config"]);
    assert!(said.contains("ICP__LOG__LEVEL"), "{said}");
}
