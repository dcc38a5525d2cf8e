//! From JSON to the types of this crate: one reader for lenient reading and strict writing, so that the two cannot part.
//!
//! A decoding function returns `None` when its value cannot be had, having noted the fault. Callers decode all
//! their parts before they give up, which is how all faults are found at once.

mod fields;
mod values;

use std::borrow::Cow;

use crate::fault::{Fault, FaultCode, Faults};
use crate::json::{Audit, Flaw, FlawKind, Json, JsonText, Malformed, Pointer};
use crate::{limits, part::Part};

pub(crate) use fields::Fields;

/// How much a document must live up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Read what is stored: it needs the shape of an ICP, and what this version does not understand is kept.
    Stored,
    /// The same for a record that is yet to be stored: nothing in it that a database cannot hold.
    Storable,
    /// Write: everything known, within its limits.
    Strict,
}

/// A type that is decoded from JSON.
pub(crate) trait Decode: Sized {
    fn decode(decoder: &mut Decoder, json: Json<'_>) -> Option<Self>;
}

/// Decodes a whole document.
pub(crate) fn document<T: Decode>(text: &str, rules: Rules) -> Result<T, Faults> {
    let json = Json::parse(text).map_err(|fault| malformed(&fault))?;
    let mut decoder = Decoder { rules, at: Pointer::default(), faults: Vec::new(), pointer_bytes: 0 };
    decoder.audit(json);
    let value = T::decode(&mut decoder, json);
    match (Faults::check(decoder.faults), value) {
        (Ok(()), Some(value)) => Ok(value),
        (Err(faults), _) => Err(faults),
        // Without a fault there is a value; should that ever break, it is still no reason to panic.
        (Ok(()), None) => Err(whole_document("must be readable".into())),
    }
}

pub(crate) fn malformed(malformed: &Malformed) -> Faults {
    whole_document(Cow::Owned(format!("must be JSON, and is {malformed}")))
}

fn whole_document(detail: Cow<'static, str>) -> Faults {
    Fault { pointer: Pointer::default(), code: FaultCode::Malformed, detail }.into()
}

/// `serde`'s way in, for whoever reads these types as a part of their own: as leniently as what is stored.
pub(crate) fn deserialize<'de, T: Decode, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let text: JsonText = serde::Deserialize::deserialize(deserializer)?;
    document(text.as_str(), Rules::Stored).map_err(serde::de::Error::custom)
}

/// Where the reading stands, and what it has found.
pub(crate) struct Decoder {
    rules: Rules,
    at: Pointer,
    faults: Vec<Fault>,
    pointer_bytes: usize,
}

impl Decoder {
    pub(crate) fn is_strict(&self) -> bool {
        self.rules == Rules::Strict
    }

    pub(crate) fn is_to_be_stored(&self) -> bool {
        self.rules != Rules::Stored
    }

    /// Notes a fault of the value that the reading stands at. `None`, since there is no value then.
    pub(crate) fn fault<T>(&mut self, code: FaultCode, detail: impl Into<Cow<'static, str>>) -> Option<T> {
        if self.has_room(&self.at) {
            self.note(Fault { pointer: self.at.clone(), code, detail: detail.into() });
        }
        None
    }

    pub(crate) fn within_member<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.within(|pointer| pointer.push_member(name), read)
    }

    pub(crate) fn within_element<T>(&mut self, index: usize, read: impl FnOnce(&mut Self) -> T) -> T {
        self.within(|pointer| pointer.push_element(index), read)
    }

    /// Decodes a part of an ICP. What is stored and cannot be understood in full is kept as it is.
    pub(crate) fn part<T: Decode>(&mut self, json: Json<'_>) -> Option<Part<T>> {
        let before = (self.faults.len(), self.pointer_bytes);
        match T::decode(self, json) {
            Some(known) => Some(Part::Known(known)),
            None if self.is_strict() => None,
            None => {
                self.faults.truncate(before.0);
                self.pointer_bytes = before.1;
                Some(Part::Unknown(json.to_owned()))
            }
        }
    }

    fn within<T>(&mut self, enter: impl FnOnce(&mut Pointer), read: impl FnOnce(&mut Self) -> T) -> T {
        let mark = self.at.as_str().len();
        enter(&mut self.at);
        let result = read(self);
        self.at.truncate(mark);
        result
    }

    /// Whether one more fault may be reported. The first always may: without it the document would count as right.
    fn has_room(&self, pointer: &Pointer) -> bool {
        let pointer_bytes = self.pointer_bytes + pointer.as_str().len();
        self.faults.is_empty()
            || (self.faults.len() < limits::FAULTS && pointer_bytes <= limits::FAULT_POINTER_BYTES)
    }

    fn note(&mut self, mut fault: Fault) {
        fault.pointer.truncate(limits::FAULT_POINTER_BYTES);
        self.pointer_bytes += fault.pointer.as_str().len();
        self.faults.push(fault);
    }

    /// What is wrong with the JSON itself, wherever it is.
    fn audit(&mut self, json: Json<'_>) {
        let (max_depth, counts): (usize, fn(FlawKind) -> bool) = match self.rules {
            Rules::Stored => return,
            Rules::Storable => (usize::MAX, |kind| kind == FlawKind::Nul),
            Rules::Strict => (limits::NESTING, |_| true),
        };
        for flaw in Audit::new(json, max_depth).counting(counts) {
            // To look further would cost time, and nobody would hear of it.
            if !self.has_room(&flaw.pointer) {
                break;
            }
            self.note(flaw.into());
        }
    }
}

impl<T: Decode> Decode for Part<T> {
    fn decode(decoder: &mut Decoder, json: Json<'_>) -> Option<Self> {
        decoder.part(json)
    }
}

impl<'de, T: Decode> serde::Deserialize<'de> for Part<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer)
    }
}

impl From<Flaw> for Fault {
    fn from(flaw: Flaw) -> Self {
        let (code, detail) = match flaw.kind {
            FlawKind::TooDeep => (
                FaultCode::OutOfRange,
                Cow::Owned(format!("must be nested at most {} levels deep", limits::NESTING)),
            ),
            FlawKind::DuplicateName => (FaultCode::Duplicate, "must have each name once in an object".into()),
            FlawKind::Nul => (FaultCode::InvalidValue, "must not hold the character U+0000".into()),
            FlawKind::NotUnicode => {
                (FaultCode::Malformed, "must be Unicode text, without half a surrogate pair".into())
            }
        };
        Self { pointer: flaw.pointer, code, detail }
    }
}

/// Implements serde's reading for types that are decoded here.
macro_rules! impl_deserialize {
    ($($type:ty),+ $(,)?) => {$(
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::decode::deserialize(deserializer)
            }
        }
    )+};
}
pub(crate) use impl_deserialize;
