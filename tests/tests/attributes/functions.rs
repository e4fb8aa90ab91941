//! Signatures and compression by the host.

use anyhow::{Context, Result};
use p256::ecdsa::signature::Verifier as _;
use rand::thread_rng;
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tollgate_e2e::client;
use tollgate_e2e::upstream::Upstream;

use crate::probe::{self, Seen, since};

const TEXT: &[u8] = b"text";

/// A key in the forms that the probe hands to the host.
fn forms(private: &impl EncodePrivateKey, public: &impl EncodePublicKey) -> Result<Value> {
    Ok(json!({
        "private_der": private.to_pkcs8_der()?.as_bytes(),
        "private_pem": *private.to_pkcs8_pem(LineEnding::LF)?,
        "public_der": public.to_public_key_der()?.as_bytes(),
        "public_pem": public.to_public_key_pem(LineEnding::LF)?,
    }))
}

async fn functions(configuration: Value) -> Result<Value> {
    let upstream = Upstream::start().await?;
    let envoy = probe::start(configuration, &upstream).await?;
    client::get(envoy.address("edge")?, "/").send().await?;
    Ok(Seen::in_request(&upstream.last()?)?["functions"].clone())
}

fn signature(of_key: &Value, hash: &str) -> Result<Vec<u8>> {
    Ok(serde_json::from_value(of_key[hash]["signature"].clone())?)
}

#[tokio::test]
async fn what_the_host_signs_is_verified_by_it_and_by_other_libraries() -> Result<()> {
    let rsa = RsaPrivateKey::new(&mut thread_rng(), 2048)?;
    let ec = p256::SecretKey::random(&mut thread_rng());
    let keys = json!({
        "rsa": forms(&rsa, &RsaPublicKey::from(&rsa))?,
        "ec": forms(&ec, &ec.public_key())?,
    });
    let seen = functions(json!({ "keys": keys })).await?;
    if !since(37)? {
        let of_hash = &seen["signatures"]["rsa"]["sha256"];
        let missing = |function: &str| json!({ "error": format!("{function}: not implemented by this host") });
        assert_eq!(of_hash["signature"], missing("sign"));
        assert_eq!(of_hash["verified by PEM"], missing("verify_signature"));
        assert_eq!(of_hash["verified by DER"], json!(false));
        return Ok(());
    }
    for name in ["rsa", "ec"] {
        for hash in ["sha1", "sha224", "sha256", "sha384", "sha512"] {
            let of_hash = &seen["signatures"][name][hash];
            for yes in ["signed by PEM", "verified by DER", "verified by PEM"] {
                assert_eq!(of_hash[yes], json!(true), "{name} {hash} {yes}");
            }
            assert_eq!(of_hash["verified another text"], json!(false), "{name} {hash}");
            let refused = |function: &str| json!({ "error": format!("{function}: bad argument") });
            assert_eq!(of_hash["verified by no key"], refused("verify_signature"));
            assert_eq!(of_hash["verified by no PEM"], refused("verify_signature"));
            assert_eq!(of_hash["signed by no key"], refused("sign"));
        }
    }
    let signed = signature(&seen["signatures"]["rsa"], "sha256")?;
    let hash = Sha256::digest(TEXT);
    RsaPublicKey::from(&rsa).verify(Pkcs1v15Sign::new::<Sha256>(), &hash, &signed)?;
    let signed = signature(&seen["signatures"]["ec"], "sha256")?;
    let signed = p256::ecdsa::Signature::from_der(&signed).context("no ECDSA signature in DER")?;
    p256::ecdsa::VerifyingKey::from(ec.public_key()).verify(TEXT, &signed)?;
    Ok(())
}

#[tokio::test]
async fn what_is_compressed_comes_back_and_nonsense_is_refused() -> Result<()> {
    let seen = functions(json!({})).await?;
    let compression = &seen["compression"];
    assert_eq!(compression["length"], json!(2000));
    let length = compression["compressed"].as_u64().context("not compressed")?;
    assert!((20..200).contains(&length), "{length}");
    assert_eq!(compression["is back"], json!(true));
    assert_eq!(compression["nothing"], json!(""));
    let refused = json!({ "error": "uncompress: serialization failure" });
    assert_eq!(compression["cut off"], refused);
    assert_eq!(compression["no zlib"], refused);
    Ok(())
}

#[tokio::test]
async fn a_function_that_the_host_lacks_is_said_to_be_missing() -> Result<()> {
    let seen = functions(json!({})).await?;
    let missing = json!({ "error": "no_such_function: not implemented by this host" });
    assert_eq!(seen["absent"], missing);
    assert_eq!(seen["clear_route_cache"], json!(null));
    Ok(())
}
