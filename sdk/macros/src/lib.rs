//! The attribute macro of the Tollgate SDK; use it as `tollgate::filter`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, ImplItem, ItemImpl, LitByteStr, LitStr, Token, parse_macro_input};

/// Completes an `impl HttpFilter` and exports the entry point of its module.
///
/// It adds what the block leaves out:
///
/// - `type State = ();`
/// - `const NAME`, the crate's name in snake case;
/// - whether the filter looks at requests and at responses, so that a phase it does not implement
///   costs nothing;
/// - in a build for wasm32, a custom section `tollgate.exports` that lists the callbacks which Envoy
///   has to find, one a line: a build may remove every other export, since Envoy calls whatever a
///   module exports, several times a request;
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

/// What every module exports, whatever its filter does: its memory and its allocator, the version of
/// the ABI, and the callbacks of a plugin's and a stream's life.
const ALWAYS_EXPORTED: [&str; 10] = [
    "memory",
    "malloc",
    "proxy_on_memory_allocate",
    "proxy_abi_version_0_2_1",
    "_initialize",
    "proxy_on_context_create",
    "proxy_on_vm_start",
    "proxy_on_configure",
    "proxy_on_tick",
    "proxy_on_delete",
];

/// The names that Envoy has to find in the module of a filter, one a line.
fn exports(item: &ItemImpl) -> String {
    let phases =
        [("request", "proxy_on_request_headers"), ("response", "proxy_on_response_headers")];
    let phases = phases.iter().filter(|(method, _)| has_function(item, method));
    let names = ALWAYS_EXPORTED.iter().chain(phases.map(|(_, callback)| callback));
    names.fold(String::new(), |lines, name| lines + name + "\n")
}

/// The function that the host calls before any other.
fn entry_point(arguments: &Arguments, item: &ItemImpl) -> TokenStream {
    let filter = &item.self_ty;
    let feature = arguments.feature.as_ref().map(|feature| quote! { , feature = #feature });
    let exports = exports(item);
    let exports = LitByteStr::new(exports.as_bytes(), Span::call_site());
    quote! {
        #[cfg(all(target_arch = "wasm32" #feature))]
        const _: () = {
            #[unsafe(no_mangle)]
            extern "C" fn _initialize() {
                ::tollgate::__private::start::<#filter>();
            }

            #[used]
            #[unsafe(link_section = "tollgate.exports")]
            static EXPORTS: [u8; #exports.len()] = *#exports;
        };
    }
}
