//! Whether a method can wait.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, ImplItem, ItemImpl};

/// Macros that await nothing of themselves; what is in their parentheses is looked at.
const HARMLESS: [&str; 21] = [
    "assert",
    "assert_eq",
    "assert_ne",
    "concat",
    "debug",
    "debug_assert",
    "error",
    "format",
    "format_args",
    "include_bytes",
    "include_str",
    "info",
    "json",
    "matches",
    "stringify",
    "trace",
    "unreachable",
    "vec",
    "warn",
    "write",
    "writeln",
];

/// Attributes that leave a method as it is written.
const INERT: [&str; 10] =
    ["allow", "cfg", "cold", "deny", "doc", "expect", "inline", "must_use", "rustfmt", "warn"];

/// What may stand before a negation.
const KEYWORDS: [&str; 7] = ["break", "else", "if", "in", "match", "return", "while"];

/// Whether a method of the block may wait. A method without an `await` cannot; a macro may expand to
/// one, so that one which is not known counts as such.
pub(crate) fn may_wait(item: &ItemImpl, method: &str) -> bool {
    let found = item.items.iter().find_map(|item| match item {
        ImplItem::Fn(item) if item.sig.ident == method => Some(item),
        _ => None,
    });
    found.is_some_and(|found| {
        // One that is not written as `async fn` may return any future.
        found.sig.asyncness.is_none()
            || found.attrs.iter().any(may_rewrite)
            || awaits(found.block.to_token_stream())
    })
}

/// Whether an attribute may put an `await` into its method.
fn may_rewrite(attribute: &Attribute) -> bool {
    let name = attribute.path().segments.first().map(|segment| segment.ident.to_string());
    !name.is_some_and(|name| INERT.contains(&&*name))
}

fn awaits(tokens: TokenStream) -> bool {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let following =
        |index: usize| (tokens.get(index.saturating_add(1)), tokens.get(index.saturating_add(2)));
    tokens.iter().enumerate().any(|(index, token)| match token {
        TokenTree::Ident(ident) if ident == "await" => true,
        TokenTree::Ident(ident) => {
            let name = ident.to_string();
            let is_known = HARMLESS.contains(&&*name) || KEYWORDS.contains(&&*name);
            !is_known && is_macro_call(following(index))
        }
        TokenTree::Group(group) => awaits(group.stream()),
        _ => false,
    })
}

/// What follows a name: `!(...)`, and not `!= ...`.
fn is_macro_call(following: (Option<&TokenTree>, Option<&TokenTree>)) -> bool {
    matches!(
        following,
        (Some(TokenTree::Punct(mark)), Some(TokenTree::Group(_))) if mark.as_char() == '!'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(body: &str) -> bool {
        let item = format!("impl HttpFilter for A {{ async fn request(&self) {{ {body} }} }}");
        may_wait(&syn::parse_str(&item).unwrap(), "request")
    }

    #[test]
    fn a_method_without_await_cannot_wait() {
        for body in ["", "a != (b)", "if !(x) {}", "info!(\"{}\", x)", "tollgate::warn!(\"a\")"] {
            assert!(!waits(body), "{body}");
        }
    }

    #[test]
    fn an_await_anywhere_or_a_strange_macro_may_wait() {
        for body in
            ["x.await", "if a { (|| { b.await? })() }", "vec![x.await]", "select! {}", "a::b!()"]
        {
            assert!(waits(body), "{body}");
        }
    }

    #[test]
    fn an_attribute_that_may_rewrite_a_method_may_make_it_wait() {
        let item: ItemImpl = syn::parse_quote! {
            impl HttpFilter for A {
                /// Documented.
                #[allow(dead_code)]
                async fn request() {}
                #[limited(5)]
                async fn response() {}
            }
        };
        assert!(!may_wait(&item, "request"));
        assert!(may_wait(&item, "response"));
    }

    #[test]
    fn a_method_that_is_not_there_cannot_wait_and_one_that_returns_a_future_may() {
        let other: ItemImpl =
            syn::parse_quote! { impl HttpFilter for A { async fn response() {} } };
        assert!(!may_wait(&other, "request"));
        let future: ItemImpl =
            syn::parse_quote! { impl HttpFilter for A { fn request() -> impl Future {} } };
        assert!(may_wait(&future, "request"));
    }
}
