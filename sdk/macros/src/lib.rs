//! The macros of the Tollgate SDK: `tollgate::filter`, `tollgate::config::Deserialize`, and
//! `tollgate_testkit::test` of its test kit.

mod deserialize;
mod twice;
mod waits;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, ImplItem, ItemImpl, LitStr, Token, parse_macro_input};

/// Completes an `impl HttpFilter` and exports the entry point of its module.
///
/// It adds what the block leaves out:
///
/// - `type State = ();`
/// - `const NAME`, the crate's name in snake case;
/// - which phases the filter handles, so that one which it does not implement costs nothing, and whether
///   those of the headers can wait, which they cannot without an `await`;
/// - in a build for wasm32, the module's exports (see `tollgate::export!`). A module has one filter:
///   for a crate that others build on, `#[tollgate::filter(feature = "module")]` exports it only when
///   the crate's feature `module` is on.
#[proc_macro_attribute]
pub fn filter(
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    let arguments = parse_macro_input!(arguments as Arguments);
    let item = parse_macro_input!(item as ItemImpl);
    expand(&arguments, item).into()
}

/// Makes two tests of a function that takes a proxy: `name::natively`, in which the filter runs in
/// the test, and `name::as_module`, in which it runs as the module that Envoy would load. Use it as
/// `tollgate_testkit::test`.
///
/// `#[tollgate_testkit::test(Greeter)]` takes the module that is called as the package is, without
/// `tollgate-` in front; `#[tollgate_testkit::test(Greeter, module = "name")]` another.
#[proc_macro_attribute]
pub fn test_twice(
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    let arguments = parse_macro_input!(arguments as twice::Arguments);
    let item = parse_macro_input!(item as syn::ItemFn);
    twice::expand(&arguments, item).into()
}

/// Derives serde's trait of this name. Use it as `tollgate::config::Deserialize`.
#[proc_macro_derive(Deserialize, attributes(serde))]
pub fn deserialize(item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let item = parse_macro_input!(item as syn::DeriveInput);
    deserialize::expand(&item).into()
}

/// What stands in the parentheses of the attribute.
struct Arguments {
    feature: Option<LitStr>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.is_empty() {
            return Ok(Self { feature: None });
        }
        let name: Ident = input.parse()?;
        if name != "feature" {
            return Err(syn::Error::new(name.span(), "the one argument is `feature = \"name\"`"));
        }
        input.parse::<Token![=]>()?;
        Ok(Self { feature: Some(input.parse()?) })
    }
}

fn expand(arguments: &Arguments, mut item: ItemImpl) -> TokenStream {
    if let Some(call) = item.items.iter().find(|item| matches!(item, ImplItem::Macro(_))) {
        // A phase that it expands to would never be called.
        let error = "the phases of a filter must be written out: what a macro makes is not seen";
        return syn::Error::new_spanned(call, error).to_compile_error();
    }
    let missing = defaults(&item);
    item.items.extend(missing);
    let entry = entry_point(arguments, &item);
    quote! {
        #item
        #entry
    }
}

/// The phases: the constant that tells whether a filter handles it, and its method.
const PHASES: [(&str, &str); 7] = [
    ("HANDLES_REQUEST", "request"),
    ("HANDLES_REQUEST_BODY", "request_body"),
    ("HANDLES_REQUEST_TRAILERS", "request_trailers"),
    ("HANDLES_RESPONSE", "response"),
    ("HANDLES_RESPONSE_BODY", "response_body"),
    ("HANDLES_RESPONSE_TRAILERS", "response_trailers"),
    ("HANDLES_END", "end"),
];

/// The items of the trait that the block leaves out.
fn defaults(item: &ItemImpl) -> Vec<ImplItem> {
    let mut items: Vec<ImplItem> = PHASES
        .iter()
        .filter(|(constant, _)| !has_const(item, constant))
        .map(|(constant, method)| {
            let constant = Ident::new(constant, Span::call_site());
            let handles = has_function(item, method);
            syn::parse_quote! { const #constant: bool = #handles; }
        })
        .collect();
    for (constant, method) in [("REQUEST_WAITS", "request"), ("RESPONSE_WAITS", "response")] {
        if !has_const(item, constant) {
            let constant = Ident::new(constant, Span::call_site());
            let waits = waits::may_wait(item, method);
            items.push(syn::parse_quote! { const #constant: bool = #waits; });
        }
    }
    if !has_const(item, "NAME") {
        let name = std::env::var("CARGO_PKG_NAME").unwrap_or_default().replace('-', "_");
        items.push(syn::parse_quote! { const NAME: &'static str = #name; });
    }
    if !has_type(item, "State") {
        items.push(syn::parse_quote! { type State = (); });
    }
    items
}

fn has_function(item: &ItemImpl, name: &str) -> bool {
    item.items.iter().any(|item| matches!(item, ImplItem::Fn(item) if item.sig.ident == name))
}

fn has_const(item: &ItemImpl, name: &str) -> bool {
    item.items.iter().any(|item| matches!(item, ImplItem::Const(item) if item.ident == name))
}

fn has_type(item: &ItemImpl, name: &str) -> bool {
    item.items.iter().any(|item| matches!(item, ImplItem::Type(item) if item.ident == name))
}

/// The exports of the filter's module.
fn entry_point(arguments: &Arguments, item: &ItemImpl) -> TokenStream {
    let filter = &item.self_ty;
    let feature = arguments.feature.as_ref().map(|feature| quote! { #[cfg(feature = #feature)] });
    quote! {
        #feature
        ::tollgate::export!(#filter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else its phases count as not handled: a filter that protects something would let all pass.
    #[test]
    fn a_macro_in_the_place_of_a_phase_is_refused() {
        let item = syn::parse_quote! { impl HttpFilter for A { phases!(); } };
        let expanded = expand(&Arguments { feature: None }, item).to_string();
        assert!(expanded.contains("compile_error"), "{expanded}");
    }
}
