use std::net::{Ipv4Addr, TcpListener};

use super::{Error, random};

/// Below the ports that systems hand out to outgoing connections: while a test has its server stopped, no
/// client can be given the server's port, nor connect to itself when it tries again and again.
const FIRST: u16 = 15_000;
const COUNT: u16 = 15_000;
const ATTEMPTS: usize = 100;

/// A port that nobody listens on at this moment. Another process can still be faster: a start that finds it
/// taken tries another one.
pub(super) fn free() -> Result<u16, Error> {
    (0..ATTEMPTS)
        .map(|_| FIRST + u16::try_from(random::number() % u64::from(COUNT)).unwrap_or(0))
        .find(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
        .ok_or_else(|| Error::new("found no free port on 127.0.0.1"))
}
