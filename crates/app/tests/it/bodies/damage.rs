//! Generates random damage to request bodies, such as changed, inserted, removed or repeated bytes.

use icp_testkit::generate::proptest::prelude::*;
use icp_testkit::generate::proptest::sample::{Index, select};

/// Bytes that are inserted into bodies, such as white space, JSON tokens and invalid UTF-8.
const INSERTED_BYTES: &[&[u8]] = &[
    b" ",
    b"\n",
    b"\0",
    b"\"",
    b"\\",
    b",",
    b":",
    b"{",
    b"}",
    b"[",
    b"]",
    b"{}",
    b"null",
    b"//",
    b"\\u0000",
    b"\xef\xbb\xbf",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xc3",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xe2\x80\xa8",
    b"\xc2\xa0",
];

#[derive(Clone, Debug)]
pub(crate) enum Damage {
    /// Flips one bit.
    Flip(Index, u8),
    /// Changes one byte.
    Change(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Truncate(Index),
    /// Inserts bytes at the beginning, such as a byte order mark.
    Prepend(Vec<u8>),
    Append(Vec<u8>),
    /// Appends a copy of the body.
    Repeat,
    /// Removes all bytes.
    Clear,
    /// Encodes the body in UTF-16.
    EncodeUtf16,
}

pub(crate) fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let position = any::<Index>;
    let piece = || prop_oneof![4 => select(INSERTED_BYTES).prop_map(<[u8]>::to_vec), 1 => any::<Vec<u8>>()];
    let damage = prop_oneof![
        12 => (position(), 0..8_u8).prop_map(|(position, bit)| Damage::Flip(position, 1 << bit)),
        8 => (position(), any::<u8>()).prop_map(|(position, byte)| Damage::Change(position, byte)),
        8 => (position(), piece()).prop_map(|(position, piece)| Damage::Insert(position, piece)),
        8 => (position(), 1..20_usize).prop_map(|(position, length)| Damage::Remove(position, length)),
        4 => position().prop_map(Damage::Truncate),
        4 => piece().prop_map(Damage::Prepend),
        8 => piece().prop_map(Damage::Append),
        1 => Just(Damage::Repeat),
        1 => Just(Damage::Clear),
        1 => Just(Damage::EncodeUtf16),
    ];
    prop::collection::vec(damage, 1..4)
}

/// Returns the damaged text.
pub(crate) fn apply(text: String, damages: Vec<Damage>) -> Vec<u8> {
    damages.into_iter().fold(text.into_bytes(), |mut bytes, damage| {
        match damage {
            Damage::Flip(position, bit) => change(&mut bytes, position, |byte| byte ^ bit),
            Damage::Change(position, other) => change(&mut bytes, position, |_| other),
            Damage::Insert(position, piece) => {
                let position = position.index(bytes.len() + 1);
                bytes.splice(position..position, piece);
            }
            Damage::Remove(position, length) => {
                let from = position.index(bytes.len() + 1);
                bytes.drain(from..bytes.len().min(from + length));
            }
            Damage::Truncate(position) => bytes.truncate(position.index(bytes.len() + 1)),
            Damage::Prepend(piece) => drop(bytes.splice(0..0, piece)),
            Damage::Append(piece) => bytes.extend(piece),
            Damage::Repeat => bytes.extend_from_within(..),
            Damage::Clear => bytes.clear(),
            Damage::EncodeUtf16 => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                bytes = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            }
        }
        bytes
    })
}

fn change(bytes: &mut [u8], position: Index, change: impl Fn(u8) -> u8) {
    if !bytes.is_empty() {
        let byte = position.get_mut(bytes);
        *byte = change(*byte);
    }
}
