//! Why a request is denied, in the words of Envoy's `jwt_authn`.
//!
//! The messages are those of Envoy (`source/common/jwt/status.cc`), to the letter, so that clients
//! and dashboards made for it keep working. Some are ours, where Envoy has no such case: `crit`,
//! `b64`, `zip`, `typ` and `cnf`, and what requirements ask beyond a good token.

/// Defines [`Failure`] from a table of names, counters and messages.
macro_rules! failures {
    ($($code:literal $name:ident, $counter:literal, $message:literal;)*) => {
        /// Why a request is denied.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Failure {
            $(#[doc = concat!("`", $message, "`")] $name,)*
        }

        impl Failure {
            /// Every failure, in the order of the enum.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What the client reads as the body, and the operator in the code details.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$name => $message,)*
                }
            }

            /// The number of this failure in Envoy (`source/common/jwt/status.h`); where it has none,
            /// that of "Jwt verification fails".
            #[must_use]
            pub const fn code(self) -> u32 {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// The name of the counter of this failure.
            #[must_use]
            pub const fn counter(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("denied_", $counter),)*
                }
            }

            /// The name of the counter for requests that would be denied.
            #[must_use]
            pub const fn report_counter(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("reported_", $counter),)*
                }
            }
        }
    };
}

failures! {
    1 Missing, "missing", "Jwt is missing";
    2 NotYetValid, "not_yet_valid", "Jwt not yet valid";
    3 Expired, "expired", "Jwt is expired";
    4 BadFormat, "bad_format",
        "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections";
    5 HeaderBadBase64, "header_bad_base64", "Jwt header is an invalid Base64url encoded";
    6 HeaderBadJson, "header_bad_json", "Jwt header is an invalid JSON";
    7 HeaderBadAlg, "header_bad_alg", "Jwt header [alg] field is required and must be a string";
    8 AlgNotSupported, "alg_not_supported", "Jwt header [alg] is not supported";
    9 HeaderBadKid, "header_bad_kid", "Jwt header [kid] field is not a string";
    26 CritNotSupported, "crit_not_supported", "Jwt header [crit] is not supported";
    26 B64NotSupported, "b64_not_supported", "Jwt header [b64] is not supported";
    26 TypNotAccepted, "typ_not_accepted", "Jwt header [typ] is not accepted";
    26 ZipNotSupported, "zip_not_supported", "Jwt header [zip] is not supported";
    10 PayloadBadBase64, "payload_bad_base64", "Jwt payload is an invalid Base64url encoded";
    11 PayloadBadJson, "payload_bad_json", "Jwt payload is an invalid JSON";
    12 IssNotString, "iss_not_string", "Jwt payload [iss] field is not a string";
    13 SubNotString, "sub_not_string", "Jwt payload [sub] field is not a string";
    14 IatNotInteger, "iat_not_integer", "Jwt payload [iat] field is not an integer";
    15 IatOutOfRange, "iat_out_of_range",
        "Jwt payload [iat] field is not a positive 64 bit integer";
    16 NbfNotInteger, "nbf_not_integer", "Jwt payload [nbf] field is not an integer";
    17 NbfOutOfRange, "nbf_out_of_range",
        "Jwt payload [nbf] field is not a positive 64 bit integer";
    18 ExpNotInteger, "exp_not_integer", "Jwt payload [exp] field is not an integer";
    19 ExpOutOfRange, "exp_out_of_range",
        "Jwt payload [exp] field is not a positive 64 bit integer";
    20 JtiNotString, "jti_not_string", "Jwt payload [jti] field is not a string";
    21 AudNotStrings, "aud_not_strings", "Jwt payload [aud] field is not a string or string list";
    22 SignatureBadBase64, "signature_bad_base64", "Jwt signature is an invalid Base64url encoded";
    23 Ed25519WrongLength, "ed25519_wrong_length", "Jwt ED25519 signature is wrong length";
    24 UnknownIssuer, "unknown_issuer", "Jwt issuer is not configured";
    25 AudienceNotAllowed, "audience_not_allowed", "Audiences in Jwt are not allowed";
    32 NoMatchingKey, "no_matching_key", "Jwks doesn't have key to match kid or alg from Jwt";
    26 VerificationFailed, "verification_failed", "Jwt verification fails";
    26 CnfNotThumbprint, "cnf_not_thumbprint",
        "Jwt payload [cnf] field is not the thumbprint of a certificate";
    26 CertificateMismatch, "certificate_mismatch", "Jwt is not bound to the client certificate";
    26 ClaimsNotAllowed, "claims_not_allowed", "Claims in Jwt are not allowed";
    26 ScopesNotSufficient, "scopes_not_sufficient", "Scopes in Jwt are not sufficient";
    26 PeerNotAllowed, "peer_not_allowed", "Peer is not allowed";
    40 KeysUnavailable, "keys_unavailable", "Jwks remote fetch is failed";
}

impl Failure {
    /// The HTTP status: 403 for a token that is good but not for this audience or not enough, else 401.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::AudienceNotAllowed
            | Self::ClaimsNotAllowed
            | Self::ScopesNotSufficient
            | Self::PeerNotAllowed => 403,
            _ => 401,
        }
    }

    /// The name of this failure, which is a word: that of the counter, without `denied_`.
    ///
    /// ```
    /// use tollgate_jwt_auth::status::Failure;
    ///
    /// assert_eq!(Failure::NotYetValid.name(), "not_yet_valid");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        self.counter().trim_start_matches("denied_")
    }

    /// What the access log shows as `%RESPONSE_CODE_DETAILS%`; without blanks, as in Envoy.
    ///
    /// ```
    /// use tollgate_jwt_auth::status::Failure;
    ///
    /// assert_eq!(Failure::Missing.details(), "jwt_authn_access_denied{Jwt_is_missing}");
    /// ```
    #[must_use]
    pub fn details(self) -> String {
        format!("jwt_authn_access_denied{{{}}}", self.message().replace(' ', "_"))
    }

    /// The value of `www-authenticate` (RFC 6750, 3), if another token would help; `realm` comes from
    /// [`crate::realm::realm`], `scope` names the scopes that one would need.
    #[must_use]
    pub fn challenge(self, realm: &str, scope: Option<&str>) -> Option<String> {
        let error = match self {
            Self::PeerNotAllowed => return None,
            Self::Missing => "",
            Self::ClaimsNotAllowed | Self::ScopesNotSufficient => ", error=\"insufficient_scope\"",
            _ => ", error=\"invalid_token\"",
        };
        let mut challenge = format!("Bearer realm=\"{realm}\"{error}");
        if let Some(scope) = scope {
            challenge.push_str(&format!(", scope=\"{scope}\""));
        }
        Some(challenge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn only_what_a_good_token_does_not_have_is_forbidden() {
        let forbidden = [
            Failure::AudienceNotAllowed,
            Failure::ClaimsNotAllowed,
            Failure::ScopesNotSufficient,
            Failure::PeerNotAllowed,
        ];
        for failure in Failure::ALL {
            let expected = if forbidden.contains(failure) { 403 } else { 401 };
            assert_eq!(failure.status(), expected, "{failure:?}");
        }
    }

    #[test]
    fn details_have_no_blanks() {
        assert!(Failure::ALL.iter().all(|failure| !failure.details().contains(' ')));
    }

    #[test]
    fn every_failure_has_a_counter_of_its_own() {
        let counters: BTreeSet<_> = Failure::ALL.iter().map(|failure| failure.counter()).collect();
        assert_eq!(counters.len(), Failure::ALL.len());
    }

    #[test]
    fn a_missing_token_is_no_invalid_token() {
        let challenge = |failure: Failure| failure.challenge("http://h/", None).unwrap();
        assert_eq!(challenge(Failure::Missing), r#"Bearer realm="http://h/""#);
        assert_eq!(
            challenge(Failure::Expired),
            r#"Bearer realm="http://h/", error="invalid_token""#
        );
    }

    #[test]
    fn a_token_that_is_not_enough_is_told_what_would_be() {
        assert_eq!(
            Failure::ScopesNotSufficient.challenge("http://h/", Some("a b")).unwrap(),
            r#"Bearer realm="http://h/", error="insufficient_scope", scope="a b""#
        );
        assert_eq!(
            Failure::ClaimsNotAllowed.challenge("http://h/", None).unwrap(),
            r#"Bearer realm="http://h/", error="insufficient_scope""#
        );
    }

    #[test]
    fn a_client_that_no_token_helps_is_not_challenged() {
        assert_eq!(Failure::PeerNotAllowed.challenge("http://h/", None), None);
    }
}
