//! The attributes `#[serde(...)]`, as far as the derived code has them.

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, ExprPath, LitStr, Path, Result, Token, Type};

use super::case::Case;
use super::unsupported;

/// What the attributes of a type, of a field or of a variant say.
#[derive(Default)]
pub(super) struct Attributes {
    pub(super) default: Option<FieldDefault>,
    pub(super) rename: Option<String>,
    pub(super) rename_all: Option<Case>,
    pub(super) try_from: Option<Type>,
}

/// Where the value of a field comes from that is left out.
pub(super) enum FieldDefault {
    /// `Default::default()`.
    OfType,
    /// This function.
    Function(ExprPath),
}

impl FieldDefault {
    pub(super) fn value(&self) -> TokenStream {
        match self {
            Self::OfType => quote! { ::core::default::Default::default() },
            Self::Function(path) => quote! { #path() },
        }
    }
}

impl Attributes {
    pub(super) fn of_container(attributes: &[Attribute]) -> Result<Self> {
        // The third is what all types do, and the second what a newtype does.
        let known = ["default", "transparent", "deny_unknown_fields", "rename_all", "try_from"];
        Self::read(attributes, &known)
    }

    pub(super) fn of_field(attributes: &[Attribute]) -> Result<Self> {
        // Two are about `Serialize` alone.
        Self::read(attributes, &["default", "rename", "skip_serializing_if", "serialize_with"])
    }

    pub(super) fn of_variant(attributes: &[Attribute]) -> Result<Self> {
        Self::read(attributes, &["rename"])
    }

    fn read(attributes: &[Attribute], known: &[&str]) -> Result<Self> {
        let mut read = Self::default();
        for attribute in attributes.iter().filter(|it| it.path().is_ident("serde")) {
            attribute.parse_nested_meta(|meta| match name(&meta.path, known) {
                Some(name) => read.take(&name, &meta),
                None => Err(unsupported(&meta.path, "this attribute of serde")),
            })?;
        }
        Ok(read)
    }

    fn take(&mut self, name: &str, meta: &ParseNestedMeta<'_>) -> Result<()> {
        match name {
            "default" if meta.input.peek(Token![=]) => {
                self.default = Some(FieldDefault::Function(text(meta)?.parse()?));
            }
            "default" => self.default = Some(FieldDefault::OfType),
            // Not in parentheses: to be one name when read and another when written.
            "rename" => self.rename = Some(text(meta)?.value()),
            "rename_all" => {
                let case = text(meta)?;
                let known = Case::parse(&case.value());
                let error = || unsupported(&case, "this way to rename");
                self.rename_all = Some(known.ok_or_else(error)?);
            }
            "try_from" => self.try_from = Some(text(meta)?.parse()?),
            "skip_serializing_if" | "serialize_with" => drop(text(meta)?),
            _ => {}
        }
        Ok(())
    }
}

/// The name of an attribute, if it is a known one.
fn name(path: &Path, known: &[&str]) -> Option<String> {
    let name = path.get_ident()?.to_string();
    known.contains(&name.as_str()).then_some(name)
}

/// The text behind `=`.
fn text(meta: &ParseNestedMeta<'_>) -> Result<LitStr> {
    match meta.input.peek(Token![=]) {
        true => meta.value()?.parse(),
        false => Err(unsupported(&meta.path, "this form of the attribute")),
    }
}
