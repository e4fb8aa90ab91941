//! All host functions.

use crate::show::Show;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tollgate::config::ConfigError;
use tollgate::host::signature::{self, Hash, PrivateKey, PublicKey};
use tollgate::host::{
    self, Declaration, Expression, Kind, LifeSpan, Property, set_filter_state, well_known,
};
use tollgate::properties::Properties;
use tollgate::{Result, Setup};

const HASHES: [(&str, Hash); 5] = [
    ("sha1", Hash::Sha1),
    ("sha224", Hash::Sha224),
    ("sha256", Hash::Sha256),
    ("sha384", Hash::Sha384),
    ("sha512", Hash::Sha512),
];

/// What is signed.
const TEXT: &[u8] = b"text";

/// A key in all forms that the host takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyPair {
    private_der: Vec<u8>,
    private_pem: String,
    public_der: Vec<u8>,
    public_pem: String,
}

/// What was prepared for them at configure.
#[derive(Debug)]
pub(crate) struct Functions {
    expressions: BTreeMap<String, Expression>,
    keys: BTreeMap<String, KeyPair>,
    once: Property,
    connection: Property,
    version: Property,
    declared_twice: String,
}

impl Functions {
    pub(crate) fn new(
        expressions: BTreeMap<String, String>,
        keys: BTreeMap<String, KeyPair>,
        setup: &Setup,
    ) -> Result<Self, ConfigError> {
        let compile = |(name, source): (String, String)| {
            let expression = Expression::configured(&format!("expressions.{name}"), &source)?;
            Ok((name, expression))
        };
        let text = Declaration::new(Kind::Text);
        let once = Property::declare(setup, "once", text.read_only())?;
        let declared_twice = Property::declare(setup, "once", text).err();
        Ok(Self {
            expressions: expressions
                .into_iter()
                .map(compile)
                .collect::<Result<_, ConfigError>>()?,
            keys,
            once,
            connection: Property::declare(setup, "kept", text.life_span(LifeSpan::Connection))?,
            version: Property::undeclared("version")?,
            declared_twice: declared_twice.map_or_else(String::new, |error| error.to_string()),
        })
    }

    /// Runs all of them; with a version, also those that lead the request elsewhere.
    pub(crate) fn run(&self, version: Option<&[u8]>) -> Value {
        json!({
            "expressions": self.evaluate(),
            "signatures": self.keys.iter().map(|(name, key)| (name.clone(), key.run())).collect::<Value>(),
            "compression": compression(),
            "filter_state": filter_state(),
            "properties": self.properties(),
            "version": version.map(|version| self.version.set(version).show()),
            "clear_route_cache": host::clear_route_cache().show(),
            "declared_twice": self.declared_twice,
            "absent": host::call("no_such_function", b"").show(),
        })
    }

    /// Those that may behave in another way when the future has waited.
    pub(crate) fn after_waiting(&self) -> Value {
        json!({
            "expressions": self.evaluate(),
            "set_filter_state":
                set_filter_state(well_known::UPSTREAM_SERVER_NAME, "waited", LifeSpan::FilterChain).show(),
            "kept": self.connection.set("waited").show(),
        })
    }

    /// What the request phase has left.
    pub(crate) fn read(&self) -> Value {
        let filter_state = Properties.filter_state();
        json!({
            "once": self.once.get().show(),
            "kept": self.connection.get().show(),
            "string": filter_state.get(well_known::STRING).show(),
            "server_name": filter_state.get(well_known::UPSTREAM_SERVER_NAME).show(),
            "wasm.once": filter_state.get("wasm.once").show(),
            "upstream wasm.once": Properties.upstream_filter_state().get("wasm.once").show(),
        })
    }

    fn evaluate(&self) -> Value {
        let evaluate = |(name, expression): (&String, &Expression)| {
            let values = json!({
                "bool": expression.evaluate_bool().show(),
                "integer": expression.evaluate_integer().show(),
                "bytes": expression.evaluate_bytes().show(),
            });
            (name.clone(), values)
        };
        self.expressions.iter().map(evaluate).collect()
    }

    fn properties(&self) -> Value {
        json!({
            "kept before": self.connection.get().show(),
            "kept": self.connection.set("kept").show(),
            "once before": self.once.get().show(),
            "once": self.once.set("first").show(),
            "once again": self.once.set("second").show(),
            "once after": self.once.get().show(),
        })
    }
}

impl KeyPair {
    /// Signs with each hash and in both forms, and verifies what was signed.
    fn run(&self) -> Value {
        HASHES
            .iter()
            .map(|(name, hash)| ((*name).to_owned(), self.sign_and_verify(*hash)))
            .collect()
    }

    fn sign_and_verify(&self, hash: Hash) -> Value {
        let (der, pem) = (PublicKey::Der(&self.public_der), PublicKey::Pem(&self.public_pem));
        let signed = signature::sign(hash, PrivateKey::Der(&self.private_der), TEXT);
        let signature = signed.clone().unwrap_or_default();
        let by_pem = signature::sign(hash, PrivateKey::Pem(&self.private_pem), TEXT);
        let verify = |key, text| signature::verify(hash, key, &signature, text).show();
        json!({
            "signature": signed.map(|signature| json!(signature)).show(),
            "signed by PEM": by_pem.map(|signature| !signature.is_empty()).show(),
            "verified by DER": verify(der, TEXT),
            "verified by PEM": verify(pem, TEXT),
            "verified another text": verify(der, b"texT"),
            "verified by no key": verify(PublicKey::Der(b"no key"), TEXT),
            "verified by no PEM": verify(PublicKey::Pem("no key"), TEXT),
            "signed by no key": signature::sign(hash, PrivateKey::Der(b"no key"), TEXT).show(),
        })
    }
}

fn compression() -> Value {
    let text = "to be or not to be, ".repeat(100).into_bytes();
    let small = host::compress(&text);
    let back = small.clone().and_then(|small| host::uncompress(&small));
    let cut = small.as_ref().ok().and_then(|small| small.split_last());
    json!({
        "length": text.len(),
        "compressed": small.as_ref().map(Vec::len).map(|length| length as u64).map_err(|error| *error).show(),
        "is back": back.map(|back| back == text).show(),
        "nothing": host::compress(b"").and_then(|small| host::uncompress(&small)).show(),
        "cut off": cut.map(|(_, cut)| host::uncompress(cut).show()),
        "no zlib": host::uncompress(b"no zlib").show(),
    })
}

fn filter_state() -> Value {
    let set = |key, value, life_span| set_filter_state(key, value, life_span).show();
    let address = well_known::ORIGINAL_DST_ADDRESS;
    let state = Properties.filter_state();
    json!({
        "string": set(well_known::STRING, "set by the probe", LifeSpan::Request),
        "string read": state.get(well_known::STRING).show(),
        "address": set(address, "192.0.2.1:80", LifeSpan::FilterChain),
        "address read": state.get(address).show(),
        "address.ip": state.text_field(address, "ip").show(),
        "address.port": state.integer_field(address, "port").show(),
        "address.absent": state.text_field(address, "absent").show(),
        "no address": set(address, "nonsense", LifeSpan::FilterChain),
        "unknown key": set("no.such.key", "x", LifeSpan::FilterChain),
        "absent": state.get("absent").show(),
    })
}
