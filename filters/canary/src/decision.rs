//! What was decided about a request.

use std::fmt;

/// Which variant a request gets, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The index of the variant in the configuration's `variants`.
    pub variant: usize,
    /// Why.
    pub reason: Reason,
    /// The index of the rule that decided, if one did.
    pub rule: Option<usize>,
    /// Whether a cookie was looked for in vain and some were not read, being too many or too long.
    pub cookies_truncated: bool,
}

/// Why a request gets its variant, in the words of OpenFeature's resolution reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There are no rules.
    Static,
    /// A rule named the variant.
    TargetingMatch,
    /// A rule's weights did.
    Split,
    /// No rule decided.
    Default,
    /// The rollout is disabled.
    Disabled,
    /// The filter failed.
    Error,
}

impl Reason {
    /// Every reason, in the order of their discriminants.
    pub const ALL: [Self; 6] = [
        Self::Static,
        Self::TargetingMatch,
        Self::Split,
        Self::Default,
        Self::Disabled,
        Self::Error,
    ];

    /// The word in OpenFeature's spelling, such as `TARGETING_MATCH`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Static => "STATIC",
            Self::TargetingMatch => "TARGETING_MATCH",
            Self::Split => "SPLIT",
            Self::Default => "DEFAULT",
            Self::Disabled => "DISABLED",
            Self::Error => "ERROR",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
