//! Protobuf on the wire, as much of it as the host's messages need.
//!
//! By hand (<https://protobuf.dev/programming-guides/encoding/>): a derived decoder of the one
//! recursive message `Struct` alone costs a module 30 KiB. The tests have `prost` as the oracle.

mod structure;

pub(crate) use structure::{object, value_at};

use crate::abi::{HostError, Status};

/// Bytes that are not the message they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl Malformed {
    /// The error of the host call that gave such bytes.
    pub(crate) const fn of(self, call: &'static str) -> HostError {
        HostError::new(call, Status::Malformed)
    }
}

/// A field's value; what is not 64 bits or bytes is only passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

/// The fields of a message, in order, each with its number; ends after bytes that make no sense.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Wire<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or(Malformed))
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Wire<'a>)> {
        let tag = self.varint()?;
        let wire = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = self.varint()?;
                Wire::Bytes(self.take(usize::try_from(length).ok()?)?)
            }
            5 => self.take(4).map(|_| Wire::Fixed32)?,
            _ => return None,
        };
        Some((tag >> 3, wire))
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// Seven bits a byte, the lowest first; the top bit says that another byte follows.
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

/// The value of a field that holds bytes, text or a message; the last one counts, as in protobuf.
pub(crate) fn bytes_field(message: &[u8], field: u64) -> Result<Option<&[u8]>, Malformed> {
    let mut found = None;
    for entry in Fields(message) {
        if let (number, Wire::Bytes(bytes)) = entry?
            && number == field
        {
            found = Some(bytes);
        }
    }
    Ok(found)
}

/// The value under `key` in a field that is a map from text to text, bytes or messages.
///
/// On the wire a map is a list of entries `{ string key = 1; V value = 2; }`.
pub(crate) fn map_entry<'a>(
    message: &'a [u8],
    field: u64,
    key: &str,
) -> Result<Option<&'a [u8]>, Malformed> {
    let mut found = None;
    for entry in Fields(message) {
        if let (number, Wire::Bytes(entry)) = entry?
            && number == field
            && bytes_field(entry, 1)?.unwrap_or_default() == key.as_bytes()
        {
            found = Some(bytes_field(entry, 2)?.unwrap_or_default());
        }
    }
    Ok(found)
}

/// A message in the making. As in proto3, a field with its type's default is left out.
#[derive(Default)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    /// With room for so many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// A field of bytes, text or a message.
    pub(crate) fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        if !value.is_empty() {
            self.varint(u64::from(field) << 3 | 2);
            self.varint(value.len() as u64);
            self.0.extend_from_slice(value);
        }
        self
    }

    /// A field that is a whole number, a `bool` or an `enum`.
    pub(crate) fn number(mut self, field: u32, value: u64) -> Self {
        if value != 0 {
            self.varint(u64::from(field) << 3);
            self.varint(value);
        }
        self
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}

#[cfg(test)]
pub(crate) mod oracle;
#[cfg(test)]
mod tests;
