use std::net::{Ipv4Addr, TcpListener};

use super::{Error, random};

/// The first port. The range is below the ports of outgoing connections. So no client gets the port of a stopped server, and
/// no client connects to itself.
const FIRST: u16 = 15_000;
const COUNT: u16 = 15_000;
const ATTEMPTS: usize = 100;

/// Returns a port on which no process listens. Another process can still take it first, so a start tries several ports.
pub(super) fn free() -> Result<u16, Error> {
    (0..ATTEMPTS)
        .map(|_| FIRST + u16::try_from(random::number() % u64::from(COUNT)).unwrap_or(0))
        .find(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
        .ok_or_else(|| Error::new("found no free port on 127.0.0.1"))
}
