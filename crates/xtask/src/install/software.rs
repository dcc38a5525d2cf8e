use super::Step;

/// What tests need, and what each package manager calls it.
pub(crate) struct Software {
    pub(crate) name: &'static str,
    /// What whoever has none of the package managers is told.
    pub(crate) advice: &'static str,
    pub(super) apt: Step,
    pub(super) dnf: Step,
    pub(super) brew: Step,
    /// What goes before apt's installing, and after it.
    pub(super) around_apt: Option<(Step, Step)>,
}

/// Debian's package would create a cluster and start it at every boot; this file, there only while the package
/// is installed, has it leave the machine as it is.
const NO_CLUSTER: &str = "/etc/postgresql-common/createcluster.d/icp-no-cluster.conf";

pub(crate) const POSTGRES: Software = Software {
    name: "PostgreSQL",
    advice: "install PostgreSQL 13 or newer, or name a running server in ICP_TEST_DATABASE_URL",
    apt: &["postgresql"],
    dnf: &["postgresql-server"],
    brew: &["postgresql@17"],
    around_apt: Some((
        &[
            "sh",
            "-c",
            "mkdir -p \"$(dirname \"$1\")\" && echo 'create_main_cluster = false' >\"$1\"",
            "sh",
            NO_CLUSTER,
        ],
        &["rm", "-f", NO_CLUSTER],
    )),
};

pub(crate) const NODE: Software = Software {
    name: "Node.js",
    advice: "install Node.js 18.18 or newer with npm",
    apt: &["nodejs", "npm"],
    dnf: &["nodejs", "npm"],
    brew: &["node"],
    around_apt: None,
};

pub(crate) const PYTHON: Software = Software {
    name: "Python",
    advice: "install Python 3.11 or newer with venv",
    apt: &["python3", "python3-venv"],
    dnf: &["python3", "python3-pip"],
    brew: &["python@3.13"],
    around_apt: None,
};

pub(crate) const CURL: Software = Software {
    name: "curl",
    advice: "install curl 7.76 or newer",
    apt: &["curl"],
    dnf: &["curl"],
    brew: &["curl"],
    around_apt: None,
};

/// The two have to be of the same version, which is why they are installed together.
pub(crate) const BROWSER: Software = Software {
    name: "Chromium",
    advice: "install Chromium or Chrome, and its chromedriver of the same version",
    apt: &["chromium", "chromium-driver"],
    dnf: &["chromium", "chromedriver"],
    brew: &["google-chrome", "chromedriver"],
    around_apt: None,
};

pub(crate) const POOLER: Software = Software {
    name: "PgBouncer",
    advice: "install PgBouncer 1.21 or newer",
    apt: &["pgbouncer"],
    dnf: &["pgbouncer"],
    brew: &["pgbouncer"],
    around_apt: None,
};

/// What Debian's source package of PgBouncer needs.
pub(crate) const POOLER_BUILD: Software = Software {
    name: "what PgBouncer is built with",
    advice: "install PgBouncer 1.21 or newer",
    apt: &["gcc", "make", "dpkg-dev", "pkg-config", "libevent-dev"],
    dnf: &["gcc", "make", "pkgconf", "libevent-devel"],
    brew: &["pkgconf", "libevent"],
    around_apt: None,
};

/// Their packages would start them; the tests start their own.
pub(crate) const PROXIES: Software = Software {
    name: "nginx and HAProxy",
    advice: "install nginx and HAProxy",
    apt: &["nginx-light", "haproxy"],
    dnf: &["nginx", "haproxy"],
    brew: &["nginx", "haproxy"],
    around_apt: Some((&["sh", "-c", FORBID_START], &["sh", "-c", ALLOW_START])),
};

/// Debian asks this program whether a package may start its service. A machine may have one of its own.
const FORBID_START: &str = "test -e /usr/sbin/policy-rc.d || { printf '#!/bin/sh\\n# icp\\nexit 101\\n' \
                            >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d; }";
const ALLOW_START: &str = "! grep -q '^# icp$' /usr/sbin/policy-rc.d || rm /usr/sbin/policy-rc.d";

pub(crate) const WRK: Software = Software {
    name: "wrk",
    advice: "install wrk 4",
    apt: &["wrk"],
    dnf: &["wrk"],
    brew: &["wrk"],
    around_apt: None,
};
