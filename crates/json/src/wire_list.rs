use std::mem;

use bytes::Bytes;

/// The length in bytes at which a piece of a long list ends. A longer document makes a longer piece. The allocator
/// reuses memory of this length, whereas a single buffer for a long list would cost a page fault for every 4 kB. The
/// length is a little less than the largest segment of a loopback interface, so that each piece is sent in one segment.
const PIECE_BYTES: usize = 60 * 1024;

/// A list in wire form: a JSON array in pieces that are sent one after the other. Clones share the pieces.
///
/// ```
/// let list: icp_json::WireList = ["{}", "{}"].into_iter().collect();
/// assert_eq!(list.to_json(), "[{},{}]");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireList {
    /// The pieces, including the brackets. There is at least one piece.
    pieces: Vec<Bytes>,
    len: usize,
}

impl WireList {
    /// Returns the number of ICPs.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns true if there are no ICPs.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the length of the JSON array in bytes.
    pub fn bytes(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    /// Returns the pieces of the JSON array.
    pub fn into_pieces(self) -> Vec<Bytes> {
        self.pieces
    }

    /// Returns the pieces without the brackets of the array, so that several lists can be sent as one list.
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

    /// Returns the JSON array as one text.
    pub fn to_json(&self) -> String {
        // The conversion loses nothing, because the concatenated pieces are valid UTF-8.
        String::from_utf8_lossy(&self.pieces.concat()).into_owned()
    }
}

/// The empty list.
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

/// Builds a [`WireList`] from stored texts.
#[derive(Clone, Debug)]
pub struct WireListBuilder {
    /// The full pieces.
    pieces: Vec<Bytes>,
    /// The piece that is being filled.
    piece: Vec<u8>,
    len: usize,
}

impl WireListBuilder {
    /// Appends the canonical text of an ICP.
    pub fn push(&mut self, document: &str) {
        if self.len > 0 {
            self.piece.push(b',');
        }
        if self.piece.len() + document.len() > PIECE_BYTES {
            let full = mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES.max(document.len())));
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
        for part in documents.as_bytes().chunks(PIECE_BYTES - 2) {
            if self.piece.len() + part.len() >= PIECE_BYTES {
                let full = mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
                self.pieces.push(full.into());
            }
            self.piece.extend_from_slice(part);
        }
        self.len += count;
    }

    /// Returns the number of ICPs so far.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns true if there are no ICPs.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the list.
    pub fn finish(mut self) -> WireList {
        self.piece.push(b']');
        // The capacity is reduced, because a cache may own the list for a long time.
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
