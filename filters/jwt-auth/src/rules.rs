//! Which rule decides about a request: the first one whose match succeeds.

/// What a rule's path matcher looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathMatch {
    /// The path begins with this.
    Prefix(String),
    /// The path is exactly this.
    Exact(String),
}

impl PathMatch {
    /// Whether `path`, the value of `:path`, matches; query and fragment do not take part, as in
    /// Envoy (`source/common/common/matchers.cc`, `PathMatcher`). Case matters.
    ///
    /// A request without a path (a plain `CONNECT`) counts as one for `/` when prefixes are
    /// compared, so that a rule for everything is one.
    ///
    /// ```
    /// use tollgate_jwt_auth::rules::PathMatch;
    ///
    /// let rule = PathMatch::Prefix("/api".to_owned());
    /// assert!(rule.matches(b"/api/users?page=2"));
    /// assert!(!rule.matches(b"/?next=/api"));
    /// ```
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        let path = without_query(path);
        match self {
            Self::Prefix(prefix) => {
                path.starts_with(prefix.as_bytes()) || (path.is_empty() && prefix == "/")
            }
            Self::Exact(exact) => path == exact.as_bytes(),
        }
    }
}

/// A path up to its query or fragment.
#[must_use]
pub fn without_query(path: &[u8]) -> &[u8] {
    path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(prefix: &str) -> PathMatch {
        PathMatch::Prefix(prefix.to_owned())
    }

    fn exact(path: &str) -> PathMatch {
        PathMatch::Exact(path.to_owned())
    }

    #[test]
    fn a_prefix_is_compared_bytewise_from_the_start() {
        assert!(prefix("/a").matches(b"/abc"));
        assert!(!prefix("/a").matches(b"/A"));
        assert!(!prefix("/a").matches(b"/b/a"));
        assert!(prefix("/").matches(b"/\xff"));
    }

    #[test]
    fn an_exact_path_matches_with_any_query_or_fragment() {
        assert!(exact("/a").matches(b"/a"));
        assert!(exact("/a").matches(b"/a?x=1#y"));
        assert!(exact("/a").matches(b"/a#y?x=1"));
        assert!(!exact("/a").matches(b"/a/"));
    }

    #[test]
    fn a_query_cannot_make_a_prefix_match() {
        assert!(!prefix("/health").matches(b"/admin?/health"));
        assert!(!prefix("/a?").matches(b"/a?"));
    }

    #[test]
    fn the_rule_for_everything_holds_for_a_request_without_a_path() {
        assert!(prefix("/").matches(b""));
        assert!(prefix("/").matches(b"?x"));
        assert!(prefix("").matches(b""));
        assert!(!prefix("/a").matches(b""));
        assert!(!exact("/").matches(b""));
    }
}
