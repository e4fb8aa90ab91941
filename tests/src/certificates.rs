//! Certificates made at run time: an authority, and whom it vouches for.

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    SanType,
};
use sha2::{Digest, Sha256};

/// A certificate authority of its own, which nobody knows yet.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its private key.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate in PEM.
    pub certificate: String,
    /// The private key in PEM.
    pub key: String,
    /// The SHA-256 of the certificate, in lower-case hexadecimal.
    pub sha256: String,
}

impl Authority {
    /// A new authority.
    ///
    /// # Errors
    ///
    /// When the system has no randomness.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = common_name("Tollgate test authority");
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)? })
    }

    /// The authority's own certificate in PEM: what those who trust it are given.
    #[must_use]
    pub fn certificate(&self) -> String {
        self.issuer.pem()
    }

    /// Vouches for `name` under these subject alternative names; one with `://` is a URI, others are
    /// DNS names.
    ///
    /// # Errors
    ///
    /// When a name is not ASCII, or the system has no randomness.
    pub fn issue(&self, name: &str, subject_alt_names: &[&str]) -> Result<Identity> {
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(name);
        for name in subject_alt_names {
            params.subject_alt_names.push(match name.contains("://") {
                true => SanType::URI((*name).try_into()?),
                false => SanType::DnsName((*name).try_into()?),
            });
        }
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Identity {
            certificate: certificate.pem().replace('\r', ""),
            key: key.serialize_pem(),
            sha256: hex(&Sha256::digest(certificate.der())),
        })
    }
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_identity_has_a_key_of_its_own() -> Result<()> {
        let authority = Authority::new()?;
        let names = ["spiffe://example.org/shop", "shop.example"];
        let (one, two) = (authority.issue("shop", &names)?, authority.issue("shop", &names)?);
        assert_ne!(one.key, two.key);
        assert_ne!(one.sha256, two.sha256);
        assert_eq!(one.sha256.len(), 64);
        assert!(one.certificate.starts_with("-----BEGIN CERTIFICATE-----"));
        Ok(())
    }

    #[test]
    fn a_name_that_no_certificate_can_have_is_refused() -> Result<()> {
        assert!(Authority::new()?.issue("shop", &["caf\u{e9}.example"]).is_err());
        Ok(())
    }
}
