//! Names in other cases, as serde's `rename_all` has them.

/// How names are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

impl Case {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "lowercase" => Self::Lower,
            "UPPERCASE" => Self::Upper,
            "PascalCase" => Self::Pascal,
            "camelCase" => Self::Camel,
            "snake_case" => Self::Snake,
            "SCREAMING_SNAKE_CASE" => Self::ScreamingSnake,
            "kebab-case" => Self::Kebab,
            "SCREAMING-KEBAB-CASE" => Self::ScreamingKebab,
            _ => return None,
        })
    }

    /// The name of a field, which is in snake case in Rust.
    pub(super) fn of_field(case: Option<Self>, name: &str) -> String {
        match case {
            None | Some(Self::Lower | Self::Snake) => name.to_owned(),
            Some(Self::Upper | Self::ScreamingSnake) => name.to_ascii_uppercase(),
            Some(Self::Pascal) => pascal(name),
            Some(Self::Camel) => uncapitalised(&pascal(name)),
            Some(Self::Kebab) => name.replace('_', "-"),
            Some(Self::ScreamingKebab) => name.to_ascii_uppercase().replace('_', "-"),
        }
    }

    /// The name of a variant, which is in Pascal case in Rust.
    pub(super) fn of_variant(case: Option<Self>, name: &str) -> String {
        match case {
            None | Some(Self::Pascal) => name.to_owned(),
            Some(Self::Lower) => name.to_ascii_lowercase(),
            Some(Self::Upper) => name.to_ascii_uppercase(),
            Some(Self::Camel) => uncapitalised(name),
            Some(case) => Self::of_field(Some(case), &snake(name)),
        }
    }
}

fn pascal(name: &str) -> String {
    name.split('_').map(capitalised).collect()
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

fn capitalised(word: &str) -> String {
    first(word, |c| c.to_ascii_uppercase())
}

fn uncapitalised(word: &str) -> String {
    first(word, |c| c.to_ascii_lowercase())
}

fn first(word: &str, change: impl Fn(char) -> char) -> String {
    let mut chars = word.chars();
    chars.next().map(change).into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_serde_has_them() {
        for (case, field, variant) in [
            ("lowercase", "max_age2", "maxage2"),
            ("UPPERCASE", "MAX_AGE2", "MAXAGE2"),
            ("PascalCase", "MaxAge2", "MaxAge2"),
            ("camelCase", "maxAge2", "maxAge2"),
            ("snake_case", "max_age2", "max_age2"),
            ("SCREAMING_SNAKE_CASE", "MAX_AGE2", "MAX_AGE2"),
            ("kebab-case", "max-age2", "max-age2"),
            ("SCREAMING-KEBAB-CASE", "MAX-AGE2", "MAX-AGE2"),
        ] {
            let case = Case::parse(case);
            assert!(case.is_some());
            assert_eq!(Case::of_field(case, "max_age2"), field);
            assert_eq!(Case::of_variant(case, "MaxAge2"), variant);
        }
        assert_eq!(Case::parse("Train-Case"), None);
        assert_eq!(Case::of_field(None, "max_age"), "max_age");
        assert_eq!(Case::of_variant(None, "MaxAge"), "MaxAge");
    }
}
