//! The attribute macro of the Tollgate SDK; use it as `tollgate::filter`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, ImplItem, ItemImpl, LitStr, Token, parse_macro_input};

/// Completes an `impl HttpFilter` and exports the entry point of its module.
///
/// It adds what the block leaves out:
///
/// - `type State = ();`
/// - `const NAME`, the crate's name in snake case;
/// - whether the filter looks at requests and at responses, so that a phase it does not implement
///   costs nothing;
/// - in a build for wasm32, the function `_initialize` that Envoy calls first. A module has one entry
///   point: for a crate that others build on, `#[tollgate::filter(feature = "module")]` exports it
///   only when the crate's feature `module` is on.
#[proc_macro_attribute]
pub fn filter(
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    let arguments = parse_macro_input!(arguments as Arguments);
    let item = parse_macro_input!(item as ItemImpl);
    expand(&arguments, item).into()
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
    let missing = defaults(&item);
    item.items.extend(missing);
    let entry = entry_point(arguments, &item);
    quote! {
        #item
        #entry
    }
}

/// The items of the trait that the block leaves out.
fn defaults(item: &ItemImpl) -> Vec<ImplItem> {
    let handles_request = has_function(item, "request");
    let handles_response = has_function(item, "response");
    let mut items: Vec<ImplItem> = vec![
        syn::parse_quote! { const HANDLES_REQUEST: bool = #handles_request; },
        syn::parse_quote! { const HANDLES_RESPONSE: bool = #handles_response; },
    ];
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

/// The function that the host calls before any other.
fn entry_point(arguments: &Arguments, item: &ItemImpl) -> TokenStream {
    let filter = &item.self_ty;
    let feature = arguments.feature.as_ref().map(|feature| quote! { , feature = #feature });
    quote! {
        #[cfg(all(target_arch = "wasm32" #feature))]
        const _: () = {
            #[unsafe(no_mangle)]
            extern "C" fn _initialize() {
                ::tollgate::__private::start::<#filter>();
            }
        };
    }
}
