//! Damages bodies: changes, inserts, removes, repeats and truncates bytes.

use icp_testkit::generate::proptest::prelude::*;
use icp_testkit::generate::proptest::sample::{Index, select};

/// Pieces to insert at any position: blanks, tokens, and bytes that are not UTF-8.
const PIECES: &[&[u8]] = &[
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
    /// One bit is flipped.
    Flip(Index, u8),
    /// One byte is changed.
    Change(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Truncate(Index),
    /// A prefix, such as a byte order mark.
    Before(Vec<u8>),
    After(Vec<u8>),
    /// The text is repeated.
    Twice,
    /// All bytes are removed.
    Empty,
    /// The text is encoded in UTF-16.
    Utf16,
}

pub(crate) fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let at = any::<Index>;
    let piece = || prop_oneof![4 => select(PIECES).prop_map(<[u8]>::to_vec), 1 => any::<Vec<u8>>()];
    let damage = prop_oneof![
        12 => (at(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, 1 << bit)),
        8 => (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Change(at, byte)),
        8 => (at(), piece()).prop_map(|(at, piece)| Damage::Insert(at, piece)),
        8 => (at(), 1..20_usize).prop_map(|(at, length)| Damage::Remove(at, length)),
        4 => at().prop_map(Damage::Truncate),
        4 => piece().prop_map(Damage::Before),
        8 => piece().prop_map(Damage::After),
        1 => Just(Damage::Twice),
        1 => Just(Damage::Empty),
        1 => Just(Damage::Utf16),
    ];
    prop::collection::vec(damage, 1..4)
}

/// Returns the damaged text.
pub(crate) fn apply(text: String, damages: Vec<Damage>) -> Vec<u8> {
    damages.into_iter().fold(text.into_bytes(), |mut bytes, damage| {
        match damage {
            Damage::Flip(at, bit) => change(&mut bytes, at, |byte| byte ^ bit),
            Damage::Change(at, other) => change(&mut bytes, at, |_| other),
            Damage::Insert(at, piece) => {
                let at = at.index(bytes.len() + 1);
                bytes.splice(at..at, piece);
            }
            Damage::Remove(at, length) => {
                let from = at.index(bytes.len() + 1);
                bytes.drain(from..bytes.len().min(from + length));
            }
            Damage::Truncate(at) => bytes.truncate(at.index(bytes.len() + 1)),
            Damage::Before(piece) => drop(bytes.splice(0..0, piece)),
            Damage::After(piece) => bytes.extend(piece),
            Damage::Twice => bytes.extend_from_within(..),
            Damage::Empty => bytes.clear(),
            Damage::Utf16 => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                bytes = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            }
        }
        bytes
    })
}

fn change(bytes: &mut [u8], at: Index, change: impl Fn(u8) -> u8) {
    if !bytes.is_empty() {
        let byte = at.get_mut(bytes);
        *byte = change(*byte);
    }
}
