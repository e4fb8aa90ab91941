//! Path templates, such as `/users/{id}/**`, as regular expressions.
//!
//! The language is that of Envoy's `uri_template_matcher`
//! (`source/extensions/path/uri_template_lib/uri_template_internal.cc`): literals, `*` for one path
//! segment, `**` for any number of them as the last operator, and variables, which only group here.

/// The characters of a path segment: `pchar` of RFC 3986, 3.3, without `*`.
const SEGMENT: &str = "-a-zA-Z0-9._~%!$&'()+,;:@=";

/// As in Envoy.
const MAX_VARIABLES: usize = 5;
const MAX_VARIABLE_NAME: usize = 16;

/// The regular expression that whole paths which fit a template match.
///
/// ```
/// use tollgate_jwt_auth::rules::regex_of;
///
/// assert!(regex_of("/users/{id}/**").is_ok());
/// assert_eq!(regex_of("/**/users/*"), Err("an operator behind `**`"));
/// ```
///
/// # Errors
///
/// Why it is no template.
pub fn regex_of(template: &str) -> Result<String, &'static str> {
    if !template.starts_with('/') {
        return Err("it does not begin with `/`");
    }
    let mut compiler = Compiler::default();
    let mut rest = template;
    while !rest.is_empty() {
        rest = match rest.strip_prefix('{') {
            Some(variable) => compiler.variable(variable)?,
            None => compiler.piece(rest)?,
        };
    }
    Ok(compiler.regex)
}

#[derive(Default)]
struct Compiler<'a> {
    regex: String,
    variables: Vec<&'a str>,
    /// Whether a `**` was there.
    open: bool,
    /// Whether the last piece was an operator, beside which no other may stand.
    operator: bool,
}

impl<'a> Compiler<'a> {
    /// A `*`, a `**` or a literal; what follows it.
    fn piece(&mut self, rest: &'a str) -> Result<&'a str, &'static str> {
        if let Some(rest) = rest.strip_prefix("**") {
            self.operator("/]*", true)?;
            return Ok(rest);
        }
        if let Some(rest) = rest.strip_prefix('*') {
            self.operator("]+", false)?;
            return Ok(rest);
        }
        let end = rest.find(['*', '{']).unwrap_or(rest.len());
        let (literal, rest) = rest.split_at(end);
        self.literal(literal)?;
        Ok(rest)
    }

    fn operator(&mut self, class_end: &str, open: bool) -> Result<(), &'static str> {
        if self.operator {
            return Err("two operators beside each other");
        }
        if self.open {
            return Err("an operator behind `**`");
        }
        self.regex.extend(["[", SEGMENT, class_end]);
        (self.open, self.operator) = (open, true);
        Ok(())
    }

    fn literal(&mut self, literal: &str) -> Result<(), &'static str> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "/-._~%!$&'()+,;:@=".contains(c);
        if !literal.chars().all(allowed) {
            return Err("a character that cannot be in a path");
        }
        if literal.contains("//") || (literal.starts_with('/') && self.regex.ends_with('/')) {
            return Err("an empty segment");
        }
        for c in literal.chars() {
            if "$.()+".contains(c) {
                self.regex.push('\\');
            }
            self.regex.push(c);
        }
        self.operator = false;
        Ok(())
    }

    /// A variable behind its `{`; what follows its `}`.
    fn variable(&mut self, rest: &'a str) -> Result<&'a str, &'static str> {
        let (inner, rest) = rest.split_once('}').ok_or("a `{` without `}`")?;
        let (name, mut pattern) = inner.split_once('=').unwrap_or((inner, "*"));
        self.name(name)?;
        if pattern.is_empty() || pattern.contains('{') {
            return Err("a variable without a pattern of literals and operators");
        }
        while !pattern.is_empty() {
            pattern = self.piece(pattern)?;
        }
        Ok(rest)
    }

    fn name(&mut self, name: &'a str) -> Result<(), &'static str> {
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
        let goes_on = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !begins || !goes_on || name.len() > MAX_VARIABLE_NAME {
            return Err("a name of a variable that is not one to 16 letters, digits and `_`");
        }
        if self.variables.contains(&name) {
            return Err("two variables of one name");
        }
        self.variables.push(name);
        match self.variables.len() > MAX_VARIABLES {
            true => Err("more than 5 variables"),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate::matching::Regex;

    fn fits(template: &str, path: &str) -> bool {
        Regex::new(&regex_of(template).unwrap(), false).unwrap().matches(path.as_bytes())
    }

    #[test]
    fn operators_match_segments() {
        for (template, path, expected) in [
            ("/users", "/users", true),
            ("/users", "/users/1", false),
            ("/users/*", "/users/1", true),
            ("/users/*", "/users/", false),
            ("/users/*", "/users/1/2", false),
            ("/users/**", "/users/", true),
            ("/users/**", "/users/1/2", true),
            ("/users/**", "/users", false),
            ("/users/{id}/orders", "/users/a%20b/orders", true),
            ("/users/{id}/orders", "/users/a/b/orders", false),
            ("/{path=videos/*}/end", "/videos/1/end", true),
            ("/{path=videos/*}/end", "/films/1/end", false),
            ("/{path=**}.m3u8", "/a/b/c.m3u8", true),
            ("/{path=**}.m3u8", "/a/b/cxm3u8", false),
            ("/a.b", "/axb", false),
            ("/v1/$x(1)+", "/v1/$x(1)+", true),
            ("/users/*", "/users/\u{e9}", false),
        ] {
            assert_eq!(fits(template, path), expected, "{template} {path}");
        }
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for template in [
            "",
            "users",
            "/a//b",
            "/*/**/x/*",
            "/***",
            "/**/*",
            "/{a}{b}",
            "/{a",
            "/a}",
            "/{=x}",
            "/{1a}",
            "/{a=}",
            "/{a={b}}",
            "/{a}/{a}",
            "/{abcdefghijklmnopq}",
            "/a b",
            "/a?b",
            "/a[b]",
            "/{a}/{b}/{c}/{d}/{e}/{f}",
        ] {
            assert!(regex_of(template).is_err(), "{template}");
        }
    }
}
