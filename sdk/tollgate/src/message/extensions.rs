use crate::matching::Claims;
use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// Values that the filters of one chain leave for those behind them, one of each type.
///
/// They belong to one stream and end with it. Nothing of them is seen by a client, the upstream or a
/// filter in another module; what those shall see goes into a header.
///
/// ```
/// use tollgate::Extensions;
///
/// struct Tenant(&'static str);
///
/// let extensions = Extensions::default();
/// extensions.insert(Tenant("acme"));
/// assert_eq!(extensions.get::<Tenant>().map(|tenant| tenant.0), Some("acme"));
/// ```
#[derive(Default)]
pub struct Extensions(RefCell<Vec<Rc<dyn Any>>>);

impl Extensions {
    /// Leaves a value, in the place of one of the same type.
    pub fn insert<T: 'static>(&self, value: T) {
        self.insert_shared(Rc::new(value));
    }

    /// The same for a value that the filter keeps as well, such as one from a cache.
    ///
    /// ```
    /// use std::rc::Rc;
    /// use tollgate::Extensions;
    ///
    /// let kept = Rc::new(String::from("acme"));
    /// let extensions = Extensions::default();
    /// extensions.insert_shared(Rc::clone(&kept));
    /// assert_eq!(extensions.get::<String>(), Some(kept));
    /// ```
    pub fn insert_shared<T: 'static>(&self, value: Rc<T>) {
        let mut values = self.0.borrow_mut();
        values.retain(|value| !value.is::<T>());
        values.push(value);
    }

    /// The value of a type, if a filter before has left one.
    #[must_use]
    pub fn get<T: 'static>(&self) -> Option<Rc<T>> {
        self.0.borrow().iter().find_map(|value| Rc::clone(value).downcast().ok())
    }
}

/// Shows how many there are: values may be secrets.
impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extensions({})", self.0.borrow().len())
    }
}

/// The claims of a token that a filter has verified, for the filters behind it in a chain.
///
/// Whoever finds them in the [`Extensions`] of a request may rely on them: no client can put them there.
/// [`Request::facts`](crate::Request::facts) looks there.
///
/// ```
/// use tollgate::VerifiedClaims;
/// use tollgate::prelude::*;
///
/// fn subject(request: &Request<'_>) -> Option<String> {
///     let claims = request.extensions().get::<VerifiedClaims>()?;
///     claims.0.get("sub")?.as_str().map(str::to_owned)
/// }
/// ```
#[derive(Clone, PartialEq)]
pub struct VerifiedClaims(pub Claims);

/// Shows names only: values may be secrets.
impl fmt::Debug for VerifiedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_value_of_each_type_and_the_last_wins() {
        let extensions = Extensions::default();
        extensions.insert(1u8);
        extensions.insert("text");
        extensions.insert(2u8);
        assert_eq!(extensions.get::<u8>().as_deref(), Some(&2));
        assert_eq!(extensions.get::<&str>().as_deref(), Some(&"text"));
        assert_eq!(extensions.get::<u16>(), None);
    }

    #[test]
    fn debug_output_shows_no_value() {
        let extensions = Extensions::default();
        extensions.insert("secret");
        assert_eq!(format!("{extensions:?}"), "Extensions(1)");
    }
}
