//! Every difference from Envoy's `jwt_authn`, all of them on purpose; the README lists them for users.

/// Where the two filters differ, and why.
pub(crate) struct Deliberate {
    pub(crate) name: &'static str,
    pub(crate) reason: &'static str,
    /// What Envoy's filter says, of the names in [`Seen`](crate::comparison::Seen); `""` is nothing.
    pub(crate) native: &'static [(&'static str, &'static str)],
    /// What ours says.
    pub(crate) ours: &'static [(&'static str, &'static str)],
}

pub(crate) const DELIBERATE: &[&Deliberate] = &[];
