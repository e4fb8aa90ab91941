//! `#[derive(Deserialize)]` for configurations: as serde's, in a tenth of its code.
//!
//! What is derived are only the places of the fields by the indices of their names; all the rest is in
//! `tollgate::config::derived`, once for all types.

mod attributes;
mod case;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::ext::IdentExt as _;
use syn::{Data, DataEnum, DeriveInput, Error, Fields, FieldsNamed, Ident, Result, Type, Variant};

use attributes::{Attributes, FieldDefault};
use case::Case;

/// The implementation, or an error that is one of the compiler.
pub(crate) fn expand(input: &DeriveInput) -> TokenStream {
    implementation(input).unwrap_or_else(|error| error.to_compile_error())
}

fn implementation(input: &DeriveInput) -> Result<TokenStream> {
    if let Some(parameter) = input.generics.params.first() {
        return Err(unsupported(parameter, "a type with parameters"));
    }
    let name = &input.ident;
    let attributes = Attributes::of_container(&input.attrs)?;
    let Body { items, read } = match (&attributes.try_from, &input.data) {
        (Some(from), _) => conversion(from),
        (None, Data::Struct(data)) => match &data.fields {
            Fields::Named(fields) => structure(name, fields, &attributes)?,
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => newtype(),
            other => return Err(unsupported(other, "a struct without names of fields")),
        },
        (None, Data::Enum(data)) => enumeration(name, data, &attributes)?,
        (None, Data::Union(data)) => return Err(unsupported(data.union_token, "a union")),
    };
    Ok(quote! {
        #[automatically_derived]
        const _: () = {
            use ::tollgate::config::derived as __derived;

            #items

            #[automatically_derived]
            impl<'de> __derived::Deserialize<'de> for #name {
                fn deserialize<__D: __derived::Deserializer<'de>>(
                    __deserializer: __D,
                ) -> ::core::result::Result<Self, __D::Error> {
                    #read
                }
            }
        };
    })
}

/// An error that shows the way out.
fn unsupported(at: impl quote::ToTokens, what: &str) -> Error {
    let way_out =
        "the `Deserialize` of tollgate does not have it: derive `serde::Deserialize` here";
    Error::new_spanned(at, format!("{what}: {way_out}"))
}

/// What stands beside the implementation, and what reads from `__deserializer`.
struct Body {
    items: TokenStream,
    read: TokenStream,
}

fn conversion(from: &Type) -> Body {
    let read = quote! {
        let value = <#from as __derived::Deserialize>::deserialize(__deserializer)?;
        ::core::convert::TryFrom::try_from(value).map_err(__derived::Error::custom)
    };
    Body { items: TokenStream::new(), read }
}

fn newtype() -> Body {
    let read = quote! { __derived::Deserialize::deserialize(__deserializer).map(Self) };
    Body { items: TokenStream::new(), read }
}

fn structure(name: &Ident, fields: &FieldsNamed, attributes: &Attributes) -> Result<Body> {
    let Gathering { items, start, finish } = match &attributes.default {
        Some(default) => gather_in_self(name, fields, attributes.rename_all, default)?,
        None => gather(name, &quote! { Self }, fields, attributes.rename_all)?,
    };
    let read = quote! {
        let mut __fields = #start;
        __derived::read(__deserializer, &mut __fields)?;
        #finish
    };
    Ok(Body { items, read })
}

/// How the fields of a struct, or of a variant, are gathered.
struct Gathering {
    /// The type in which they are gathered.
    items: TokenStream,
    /// A value of it, before any is read.
    start: TokenStream,
    /// What `__fields`, which is such a value, becomes.
    finish: TokenStream,
}

/// A field as it is gathered.
struct Field<'a> {
    ident: &'a Ident,
    ty: &'a Type,
    /// As it is written.
    name: String,
    /// Nothing if it must be there.
    default: Option<TokenStream>,
}

fn fields(fields: &FieldsNamed, case: Option<Case>) -> Result<Vec<Field<'_>>> {
    fields
        .named
        .iter()
        .filter_map(|field| Some((field.ident.as_ref()?, field)))
        .map(|(ident, field)| {
            let attributes = Attributes::of_field(&field.attrs)?;
            let plain = ident.unraw().to_string();
            Ok(Field {
                ident,
                ty: &field.ty,
                name: attributes.rename.unwrap_or_else(|| Case::of_field(case, &plain)),
                default: match attributes.default {
                    Some(default) => Some(default.value()),
                    None => is_option(&field.ty).then(|| quote! { ::core::option::Option::None }),
                },
            })
        })
        .collect()
}

/// Whether a type is written as an `Option`: such a field may be left out.
fn is_option(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    path.path.segments.last().is_some_and(|segment| segment.ident == "Option")
}

/// Into a value that is there already.
fn gather_in_self(
    name: &Ident,
    named: &FieldsNamed,
    case: Option<Case>,
    default: &FieldDefault,
) -> Result<Gathering> {
    let fields = fields(named, case)?;
    let places = fields.iter().map(|Field { ident, .. }| {
        quote! { __derived::Optional(&mut self.0.#ident) }
    });
    let implementation = reading(&quote! { __Fields }, name, &fields, places);
    let value = default.value();
    Ok(Gathering {
        items: quote! {
            struct __Fields(#name);
            #implementation
        },
        start: quote! { __Fields(#value) },
        finish: quote! { ::core::result::Result::Ok(__fields.0) },
    })
}

/// Each by itself, since there is nothing to put in the place of one that must be there.
fn gather(
    name: &Ident,
    path: &TokenStream,
    named: &FieldsNamed,
    case: Option<Case>,
) -> Result<Gathering> {
    let fields = fields(named, case)?;
    let gathering = format_ident!("__Fields{}", name.unraw());
    let idents = fields.iter().map(|field| field.ident);
    let types = fields.iter().map(|Field { ty, default, .. }| match default {
        Some(_) => quote! { #ty },
        None => quote! { ::core::option::Option<#ty> },
    });
    let starts = fields.iter().map(|Field { ident, default, .. }| match default {
        Some(default) => quote! { #ident: #default },
        None => quote! { #ident: ::core::option::Option::None },
    });
    let places = fields.iter().map(|Field { ident, default, .. }| match default {
        Some(_) => quote! { __derived::Optional(&mut self.#ident) },
        None => quote! { __derived::Required(&mut self.#ident) },
    });
    let implementation = reading(&quote! { #gathering }, name, &fields, places);
    let finish = finish(path, &fields);
    Ok(Gathering {
        items: quote! {
            struct #gathering { #(#idents: #types,)* }
            #implementation
        },
        start: quote! { #gathering { #(#starts,)* } },
        finish,
    })
}

/// Puts together what was gathered, unless something is missing.
fn finish(path: &TokenStream, fields: &[Field<'_>]) -> TokenStream {
    let (required, optional): (Vec<_>, Vec<_>) =
        fields.iter().partition(|field| field.default.is_none());
    let optional = optional.iter().map(|Field { ident, .. }| quote! { #ident: __fields.#ident });
    if required.is_empty() {
        return quote! { ::core::result::Result::Ok(#path { #(#optional,)* }) };
    }
    let idents = required.iter().map(|field| field.ident).collect::<Vec<_>>();
    let names = required.iter().map(|field| &field.name);
    quote! {
        match (#(__fields.#idents,)*) {
            (#(::core::option::Option::Some(#idents),)*) => {
                ::core::result::Result::Ok(#path { #(#idents,)* #(#optional,)* })
            }
            (#(#idents,)*) => ::core::result::Result::Err(
                __derived::missing(&[#((#names, #idents.is_none()),)*])
            ),
        }
    }
}

/// The implementation of `Fields` for the type in which they are gathered.
fn reading(
    gathering: &TokenStream,
    name: &Ident,
    fields: &[Field<'_>],
    places: impl Iterator<Item = TokenStream>,
) -> TokenStream {
    let name = name.unraw().to_string();
    let names = fields.iter().map(|field| &field.name);
    let last = fields.len().saturating_sub(1);
    let arms = places.enumerate().map(|(index, place)| {
        let index = if index == last {
            quote! { _ }
        } else {
            quote! { #index }
        };
        quote! { #index => __values.next(#place) }
    });
    let read = match fields {
        [] => quote! { ::core::result::Result::Ok(()) },
        _ => quote! { match __field { #(#arms,)* } },
    };
    quote! {
        #[automatically_derived]
        impl<'de> __derived::Fields<'de> for #gathering {
            const STRUCT: &'static str = #name;
            const NAMES: &'static [&'static str] = &[#(#names),*];

            fn read<__V: __derived::Values<'de>>(
                &mut self,
                __field: usize,
                __values: &mut __V,
            ) -> ::core::result::Result<(), __V::Error> {
                #read
            }
        }
    }
}

fn enumeration(name: &Ident, data: &DataEnum, attributes: &Attributes) -> Result<Body> {
    let mut names = Vec::new();
    for variant in &data.variants {
        let own = Attributes::of_variant(&variant.attrs)?;
        let plain = variant.ident.unraw().to_string();
        names.push(own.rename.unwrap_or_else(|| Case::of_variant(attributes.rename_all, &plain)));
    }
    if names.is_empty() {
        return Err(unsupported(name, "an enum without variants"));
    }
    let title = name.unraw().to_string();
    let names = quote! { &[#(#names),*] };
    if data.variants.iter().all(|variant| matches!(variant.fields, Fields::Unit)) {
        let idents = data.variants.iter().map(|variant| &variant.ident);
        let indices = indices(data);
        let read = quote! {
            ::core::result::Result::Ok(
                match __derived::unit_variant(__deserializer, #title, #names)? {
                    #(#indices => Self::#idents,)*
                }
            )
        };
        return Ok(Body { items: TokenStream::new(), read });
    }
    let contents = data.variants.iter().map(|variant| content(name, variant));
    let contents = contents.collect::<Result<Vec<_>>>()?;
    let (items, reads): (Vec<_>, Vec<_>) =
        contents.into_iter().map(|Body { items, read }| (items, read)).unzip();
    let indices = indices(data);
    let items = quote! {
        #(#items)*

        struct __Variants;

        #[automatically_derived]
        impl<'de> __derived::Visitor<'de> for __Variants {
            type Value = #name;

            fn expecting(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(concat!("enum ", #title))
            }

            fn visit_enum<__A: __derived::EnumAccess<'de>>(
                self,
                __data: __A,
            ) -> ::core::result::Result<#name, __A::Error> {
                let (__index, __variant) = __derived::variant(__data, #names)?;
                match __index { #(#indices => { #reads })* }
            }
        }
    };
    let read = quote! { __deserializer.deserialize_enum(#title, #names, __Variants) };
    Ok(Body { items, read })
}

/// The patterns of the variants; the last one is whatever is left.
fn indices(data: &DataEnum) -> Vec<TokenStream> {
    let last = data.variants.len().saturating_sub(1);
    let pattern = |index| {
        if index == last {
            quote! { _ }
        } else {
            quote! { #index }
        }
    };
    (0..=last).map(pattern).collect()
}

/// What reads the content of a variant from `__variant`.
fn content(name: &Ident, variant: &Variant) -> Result<Body> {
    let ident = &variant.ident;
    let (items, read) = match &variant.fields {
        Fields::Unit => (
            TokenStream::new(),
            quote! {
                __derived::VariantAccess::unit_variant(__variant)?;
                ::core::result::Result::Ok(#name::#ident)
            },
        ),
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => (
            TokenStream::new(),
            quote! {
                __derived::VariantAccess::newtype_variant(__variant).map(#name::#ident)
            },
        ),
        Fields::Unnamed(fields) => {
            return Err(unsupported(fields, "a variant with several values"));
        }
        Fields::Named(fields) => {
            let Gathering { items, start, finish } =
                gather(ident, &quote! { #name::#ident }, fields, None)?;
            let read = quote! {
                let mut __fields = #start;
                __derived::read_variant(__variant, &mut __fields)?;
                #finish
            };
            (items, read)
        }
    };
    Ok(Body { items, read })
}
