//! Shares by the name of a variant.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use tollgate::config::schemars::{JsonSchema, Schema, SchemaGenerator};

/// The share of each variant by its name.
///
/// A list, since there are few, and a map would cost the module 5 KiB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weights(Vec<(String, u32)>);

impl Weights {
    /// Names and shares.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        self.0.iter().map(|(name, weight)| (name.as_str(), *weight))
    }

    /// The share of a variant: 0 for one that is not named.
    #[must_use]
    pub fn of(&self, variant: &str) -> u32 {
        self.iter().find(|(name, _)| *name == variant).map_or(0, |(_, weight)| weight)
    }
}

impl<'de> Deserialize<'de> for Weights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(WeightsVisitor)
    }
}

struct WeightsVisitor;

impl<'de> Visitor<'de> for WeightsVisitor {
    type Value = Weights;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Weights, A::Error> {
        let mut weights = Vec::new();
        // Names are unique: the SDK refuses a member that is there twice.
        while let Some(entry) = map.next_entry()? {
            weights.push(entry);
        }
        Ok(Weights(weights))
    }
}

impl JsonSchema for Weights {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Weights".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        BTreeMap::<String, u32>::json_schema(generator)
    }
}
