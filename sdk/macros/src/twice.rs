//! Tests that run twice: natively, and on the module.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, ItemFn, LitStr, Token, Type};

/// What stands in the parentheses of the attribute.
pub(crate) struct Arguments {
    filter: Type,
    /// The module's name, if it is not the package's.
    module: Option<LitStr>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let filter = input.parse()?;
        if input.is_empty() {
            return Ok(Self { filter, module: None });
        }
        input.parse::<Token![,]>()?;
        let name: Ident = input.parse()?;
        if name != "module" {
            let only = "the filter, and then `module = \"name\"`";
            return Err(syn::Error::new(name.span(), only));
        }
        input.parse::<Token![=]>()?;
        Ok(Self { filter, module: Some(input.parse()?) })
    }
}

/// The function, and a module of the same name with a test for each way to run it. What the function is
/// marked with (`#[ignore]`, `#[should_panic]`, `#[cfg(...)]`), both are.
pub(crate) fn expand(arguments: &Arguments, mut test: ItemFn) -> TokenStream {
    if test.sig.inputs.len() != 1 {
        let error = "a test takes the proxy: `fn name(proxy: &mut Proxy)`";
        return syn::Error::new_spanned(&test.sig, error).to_compile_error();
    }
    let Arguments { filter, module } = arguments;
    let is_of_function = |attribute: &syn::Attribute| {
        ["doc", "cfg", "allow", "expect"].iter().any(|name| attribute.path().is_ident(name))
    };
    let marks = test.attrs.clone();
    test.attrs.retain(is_of_function);
    let marks = marks.iter().filter(|mark| !mark.path().is_ident("doc")).collect::<Vec<_>>();
    let (name, answer) = (&test.sig.ident, &test.sig.output);
    let module = match module {
        Some(module) => quote! { #module },
        None => quote! { env!("CARGO_PKG_NAME") },
    };
    quote! {
        #test

        mod #name {
            use super::*;

            #(#marks)*
            #[test]
            fn natively() #answer {
                super::#name(&mut ::tollgate_testkit::Proxy::new(
                    ::tollgate_testkit::Filter::native::<#filter>(),
                ))
            }

            #(#marks)*
            #[test]
            fn as_module() #answer {
                super::#name(&mut ::tollgate_testkit::Proxy::new(
                    ::tollgate_testkit::Filter::built(#module, env!("CARGO_MANIFEST_DIR")),
                ))
            }
        }
    }
}
