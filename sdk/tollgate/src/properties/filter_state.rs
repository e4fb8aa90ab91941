//! `filter_state` and `upstream_filter_state`: what filters tell each other.

use super::attribute::{Attribute, path};
use super::{Properties, Text};
use crate::Result;

/// What filters, native ones too, have left for each other under names.
///
/// ```
/// use tollgate::prelude::*;
///
/// # fn example(request: &Request) -> Result<()> {
/// let filter_state = request.properties().filter_state();
/// let decision = filter_state.get("wasm.decision")?; // what a module has set as `decision`
/// let port = filter_state
///     .integer_field("envoy.network.transport_socket.original_dst_address", "port")?;
/// # Ok(())
/// # }
/// ```
///
/// [`Property`](crate::host::Property) and [`set_filter_state`](crate::host::set_filter_state) write it.
#[derive(Clone, Copy, Debug)]
pub struct FilterState {
    pub(super) root: &'static str,
}

impl FilterState {
    /// The object under `key`, as Envoy serialises it; none for an object that cannot be. One that has
    /// fields gives four zero bytes: ask for its fields.
    ///
    /// # Errors
    ///
    /// When the host cannot answer, or the key is empty or has a zero byte.
    pub fn get(self, key: &str) -> Result<Option<Vec<u8>>> {
        Properties.at(&path(&[self.root, key])?)
    }

    /// A field of the object under `key` that holds a text.
    ///
    /// # Errors
    ///
    /// When the host cannot answer, or a name is empty or has a zero byte.
    pub fn text_field(self, key: &str, field: &str) -> Result<Option<Text>> {
        self.field(key, field)
    }

    /// A field of the object under `key` that holds a number.
    ///
    /// # Errors
    ///
    /// When the host cannot answer or the field does not hold a number, or a name is empty or has a
    /// zero byte.
    pub fn integer_field(self, key: &str, field: &str) -> Result<Option<i64>> {
        self.field(key, field)
    }

    fn field<T: Attribute>(self, key: &str, field: &str) -> Result<Option<T>> {
        super::attribute::get(self.root, &path(&[self.root, key, field])?)
    }
}
