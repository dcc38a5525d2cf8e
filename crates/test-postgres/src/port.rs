use std::net::{Ipv4Addr, TcpListener};

use super::{Error, random};

/// The first port of the range. The range is below the ports that the operating system gives to outgoing connections.
/// Otherwise a client could get the port of a stopped server, and could connect to itself.
const FIRST_PORT: u16 = 15_000;
const PORT_COUNT: u16 = 15_000;
const MAX_ATTEMPTS: usize = 100;

/// Returns a port on which no process listens. Another process may bind the port before the caller does.
pub(super) fn find_free_port() -> Result<u16, Error> {
    (0..MAX_ATTEMPTS)
        .map(|_| FIRST_PORT + u16::try_from(random::number() % u64::from(PORT_COUNT)).unwrap_or(0))
        .find(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
        .ok_or_else(|| Error::new("no port from 15000 to 29999 is free on 127.0.0.1"))
}
