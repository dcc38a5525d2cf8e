use std::mem;

use bytes::Bytes;

use crate::fault::Faults;
use crate::json::{Json, Malformed};
use crate::{Icp, Rules};

/// The length of the pieces of a long list, in bytes: long enough to be few, and short enough to be reused by the allocator,
/// where each answer in one buffer of its own would cost a page fault for every 4 kB. A little less than the largest segment
/// on a loopback interface, so that none is followed by a tiny one.
const PIECE: usize = 60 * 1024;

/// A list in wire form: a JSON array, in pieces that can be sent one after the other. Clones share them.
///
/// ```
/// let list: icp_domain::WireList = ["{}", "{}"].into_iter().collect();
/// assert_eq!(list.to_json(), "[{},{}]");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireList {
    /// At least one, brackets included.
    pieces: Vec<Bytes>,
    len: usize,
}

impl WireList {
    /// How many ICPs it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes the JSON array has.
    pub fn bytes(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    /// The pieces of the JSON array, in their order.
    pub fn into_pieces(self) -> Vec<Bytes> {
        self.pieces
    }

    /// The pieces of what stands between the brackets, so that several lists can be sent as one.
    pub fn into_elements(self) -> Vec<Bytes> {
        let mut pieces = self.pieces;
        if let Some(first) = pieces.first_mut() {
            let _bracket = first.split_to(1);
        }
        if let Some(last) = pieces.last_mut() {
            last.truncate(last.len() - 1);
        }
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }

    /// The JSON array as one text.
    pub fn to_json(&self) -> String {
        // It was put together from texts.
        String::from_utf8_lossy(&self.pieces.concat()).into_owned()
    }

    /// The typed ICPs.
    ///
    /// # Errors
    ///
    /// The faults of the first text that is not an ICP.
    pub fn to_icps(&self) -> Result<Vec<Icp>, Faults> {
        let json = self.to_json();
        let malformed = |malformed: Malformed| crate::decode::malformed(&malformed);
        let list = Json::parse(&json).map_err(malformed)?;
        list.elements().map(|element| Icp::from_json(element.text(), Rules::Stored)).collect()
    }
}

/// The list without ICPs.
impl Default for WireList {
    fn default() -> Self {
        Self { pieces: vec![Bytes::from_static(b"[]")], len: 0 }
    }
}

impl<D: AsRef<str>> FromIterator<D> for WireList {
    fn from_iter<I: IntoIterator<Item = D>>(documents: I) -> Self {
        let mut list = WireListBuilder::default();
        for document in documents {
            list.push(document.as_ref());
        }
        list.finish()
    }
}

/// Puts a [`WireList`] together from stored texts, as they are read.
#[derive(Clone, Debug)]
pub struct WireListBuilder {
    /// Those that are full.
    pieces: Vec<Bytes>,
    /// The one that is being filled.
    piece: Vec<u8>,
    len: usize,
}

impl WireListBuilder {
    /// Appends the canonical text of an ICP.
    pub fn push(&mut self, document: &str) {
        if self.len > 0 {
            self.piece.push(b',');
        }
        if self.piece.len() + document.len() > PIECE {
            let full = mem::replace(&mut self.piece, Vec::with_capacity(PIECE.max(document.len())));
            self.pieces.push(full.into());
        }
        self.piece.extend_from_slice(document.as_bytes());
        self.len += 1;
    }

    /// Appends the canonical texts of `count` ICPs, which are joined by commas.
    pub fn push_joined(&mut self, documents: &str, count: usize) {
        if count == 0 {
            return;
        }
        if self.len > 0 {
            self.piece.push(b',');
        }
        for part in documents.as_bytes().chunks(PIECE - 2) {
            if self.piece.len() + part.len() >= PIECE {
                let full = mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
                self.pieces.push(full.into());
            }
            self.piece.extend_from_slice(part);
        }
        self.len += count;
    }

    /// How many ICPs it holds so far.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The list.
    pub fn finish(mut self) -> WireList {
        self.piece.push(b']');
        // It may be kept for long.
        self.piece.shrink_to_fit();
        self.pieces.push(self.piece.into());
        WireList { pieces: self.pieces, len: self.len }
    }
}

impl Default for WireListBuilder {
    fn default() -> Self {
        Self { pieces: Vec::new(), piece: vec![b'['], len: 0 }
    }
}
