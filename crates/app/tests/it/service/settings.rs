//! Tests the sources of settings, and the messages about invalid settings.

use crate::support::{Setup, run_failing, stdout};

fn print_config(setup: &Setup) -> String {
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
    let config = print_config(&setup);
    for line in [
        "# sign-in: development, on this machine only",
        "server.host = \"127.0.0.1\" # default (ICP__SERVER__HOST)",
        "server.port = 0 # the variable ICP__SERVER__PORT",
        "database.url = \"sqlite://platform.sqlite3\" # the variable DATABASE_URL (ICP__DATABASE__URL)",
        "auth.authorized_parties = [\"https://a.example\", \"https://b.example\"] # the variable ICP__AUTH__AUTHORIZED_PARTIES",
        "# auth.issuer is not set (ICP__AUTH__ISSUER)",
    ] {
        assert!(config.lines().any(|actual| actual == line), "the output must contain {line}:\n{config}");
    }
    let line_of =
        |key: &str| config.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
    assert!(line_of("server.workers").starts_with("server.workers = 5 # "), "{config}");
    assert!(line_of("server.workers").ends_with("named.toml (ICP__SERVER__WORKERS)"), "{config}");
    assert!(line_of("log.level").ends_with("config/default.toml (ICP__LOG__LEVEL)"), "{config}");
}

#[test]
fn config_command_hides_passwords() {
    for (variable, value) in [
        ("ICP__DATABASE__URL", "postgres://icp:hunter2@db.example/icp"),
        ("ICP__DATABASE__URL", "postgres://db.example/icp?user=icp&password=hunter2"),
        ("ICP__DATABASE__URL", "postgres://db.example/icp?options=-c%20password%3Dhunter2"),
        ("ICP__TELEMETRY__OTLP_ENDPOINT", "http://hunter2@db.example:4318"),
    ] {
        let config = print_config(&Setup::new().with(variable, value));
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
        let message = run_failing(&Setup::new().with(variable, value), &["serve"]);
        assert!(message.contains(variable) && !message.contains("hunter2"), "{message}");
    }
}

#[test]
fn error_names_key_and_variable_of_invalid_value() {
    for (variable, value, key, expected) in [
        ("ICP__SERVER__PORT", "http", "server.port", "from 0 to 65535"),
        ("PORT", "70000", "server.port", "from 0 to 65535"),
        ("ICP__SERVER__WORKERS", "0", "server.workers", "from 1"),
        ("ICP__SERVER__WORKERS", "two", "server.workers", r#"not "two""#),
        ("ICP__LOG__FORMAT", "xml", "log.format", r#"not "xml""#),
        ("ICP__SERVER__SHUTDOWN_SECONDS", "-1", "server.shutdown_seconds", "from 0"),
        ("ICP__DATABASE__URL", "mysql://localhost/icp", "database.url", "postgresql:// or sqlite://"),
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
            "requires a PostgreSQL database",
        ),
        (
            "ICP__DATABASE__PASSWORD_FILE",
            "secret",
            "database.password_file",
            "requires a PostgreSQL database",
        ),
        ("ICP__DATABASE__URL", "sqlite://:memory:", "database.url", "the path of a file"),
        ("ICP__DATABASE__URL", "sqlite://icp.db?mode=ro", "database.url", "the path of a file"),
        ("ICP__DATABASE__MIGRATE", "perhaps", "database.migrate", "true or false"),
        ("ICP__DATABASE__MIGRATE", "yes", "database.migrate", "true or false"),
        ("ICP__LOG__LEVEL", "loud=1=2", "log.level", "a level"),
        ("ICP__LOG__LEVEL", "inof", "log.level", "a level"),
        ("ICP__LOG__FORMAT", "xml", "log.format", "pretty or json"),
        ("CLERK_PUBLISHABLE_KEY", "pk_live_!", "auth.publishable_key", ""),
        ("ICP__AUTH__JWKS_URL", "https://x.example/", "auth.issuer", "is required with Clerk"),
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
        (
            "ICP__SERVER__CORS_ORIGINS",
            "https://a.example\n",
            "server.cors_origins",
            r#""https://a.example\n""#,
        ),
        ("ICP__AUTH__AUDIENCE", "a, b\n", "auth.audience", r#""b\n""#),
        ("ICP__MCP__RESOURCE", "https://icp.example.com/mcp/", "mcp.resource", "trailing slash"),
        ("ICP__MCP__RESOURCE", "https://icp.example.com/mcp", "mcp.resource", "ICP__MCP__ENABLED"),
        ("ICP__MCP__OAUTH_CLIENT_IDS", "client_1", "mcp.oauth_client_ids", "ICP__MCP__RESOURCE"),
        ("ICP__MCP__REQUIRED_SCOPES", "profile email", "mcp.required_scopes", r#""profile email""#),
        ("ICP__AUTH__JWKS_COOLDOWN_SECONDS", "301", "auth.jwks_cooldown_seconds", "not be longer"),
    ] {
        // Without this line, the port that each setup sets would take precedence over `PORT`.
        let setup = Setup::new().with("ICP__SERVER__PORT", "").with(variable, value);
        let message = run_failing(&setup, &["config"]);
        let variable_name = format!("ICP__{}", key.to_uppercase().replace('.', "__"));
        assert!(
            message.contains(key) && message.contains(&variable_name) && message.contains(expected),
            "{variable}={value}: {message}"
        );
    }
}

#[test]
fn clerk_settings_are_validated_before_start() {
    let issuer = Setup::new().with("ICP__AUTH__ISSUER", "https://clerk.example.com");
    let message =
        run_failing(&issuer.with("CLERK_JWT_KEY", "-----BEGIN PUBLIC KEY-----\\nnonsense"), &["serve"]);
    assert!(message.contains("auth.jwt_key (ICP__AUTH__JWT_KEY or CLERK_JWT_KEY)"), "{message}");
    let issuer = Setup::new().with("ICP__AUTH__ISSUER", "https://clerk.example.com");
    let message =
        run_failing(&issuer.with("ICP__AUTH__JWKS_URL", "http://clerk.example.com/jwks"), &["serve"]);
    assert!(message.contains("auth.jwks_url (ICP__AUTH__JWKS_URL)"), "{message}");
}

#[test]
fn unknown_setting_is_rejected() {
    let message = run_failing(&Setup::new().with("ICP_SERVER_PORT", "80"), &["config"]);
    assert!(message.contains("the variable is ICP__SERVER__PORT"), "{message}");
    for variable in ["ICP__SERVER__PROT", "ICP_SERVER_PORT", "ICP_PORT"] {
        let message = run_failing(&Setup::new().with(variable, "80"), &["config"]);
        assert!(message.contains(&format!("{variable}: unknown setting")), "{message}");
    }

    let setup = Setup::new();
    std::fs::write(setup.path().join("icp.toml"), "[server]\nprot = 80\n").expect("the file must be written");
    let message = run_failing(&setup, &["--config", "icp.toml", "config"]);
    assert!(message.contains("server.prot") && message.contains("icp.toml"), "{message}");
}

#[test]
fn error_names_unreadable_settings_file() {
    let setup = Setup::new();
    let message = run_failing(&setup, &["--config", "nowhere.toml", "config"]);
    assert!(message.contains("nowhere.toml cannot be read"), "{message}");
    let message = run_failing(&setup, &["--config", ".", "config"]);
    assert!(message.contains("the settings file . cannot be read"), "{message}");
    // The message must not quote the invalid line, because that line may contain a password.
    let broken = "[database]\nurl = \"postgres://icp:hunter2@db.example/icp\nmigrate = true\n";
    std::fs::write(setup.path().join("broken.toml"), broken).expect("the file must be written");
    let message = run_failing(&setup, &["--config", "broken.toml", "config"]);
    assert!(
        message.contains("broken.toml is not TOML at line 2") && !message.contains("hunter2"),
        "{message}"
    );
}

#[test]
fn wrong_type_in_settings_file_is_rejected() {
    for (line, key) in [
        ("server.port = 8080.5", "server.port"),
        ("server.host = 1", "server.host"),
        ("database.migrate = 1", "database.migrate"),
        ("auth.authorized_parties = [1, 2]", "auth.authorized_parties"),
        ("auth.authorized_parties = \"https://a.example\"", "auth.authorized_parties"),
    ] {
        // Without this line, the port that each setup sets would take precedence over the port in the file.
        let setup = Setup::new().with("ICP__SERVER__PORT", "");
        std::fs::write(setup.path().join("icp.toml"), line).expect("the file must be written");
        let message = run_failing(&setup, &["--config", "icp.toml", "config"]);
        assert!(message.contains(key) && message.contains("icp.toml"), "{line}: {message}");
    }
}

/// Many people set `RUST_LOG` in their shell for other programs, which accept a target without a level.
#[test]
fn invalid_rust_log_does_not_stop_start() {
    for value in ["hyper", "hyper,icp_app=debug", "=="] {
        let output = Setup::new().with("RUST_LOG", value).icp(&["config"]);
        assert!(output.status.success(), "{value}: {output:?}");
    }
    let message = run_failing(&Setup::new().with("ICP__LOG__LEVEL", "hyper"), &["config"]);
    assert!(message.contains("ICP__LOG__LEVEL"), "{message}");
}
