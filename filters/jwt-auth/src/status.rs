//! Why a request is denied, in the words of Envoy's `jwt_authn`.
//!
//! The messages are those of Envoy (`source/common/jwt/status.cc`), to the letter, so that clients
//! and dashboards made for it keep working. Some are ours, where Envoy has no such case: `crit`,
//! `b64`, `zip` and `typ`.

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
}

impl Failure {
    /// The HTTP status: 403 for a token that is good but not for this audience, else 401.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::AudienceNotAllowed => 403,
            _ => 401,
        }
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

    /// The value of `www-authenticate` (RFC 6750, 3); `realm` comes from [`crate::realm::realm`].
    #[must_use]
    pub fn challenge(self, realm: &str) -> String {
        let error = match self {
            Self::Missing => "",
            _ => ", error=\"invalid_token\"",
        };
        format!("Bearer realm=\"{realm}\"{error}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn only_a_wrong_audience_is_forbidden() {
        for failure in Failure::ALL {
            let expected = if *failure == Failure::AudienceNotAllowed { 403 } else { 401 };
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
        assert_eq!(Failure::Missing.challenge("http://h/"), r#"Bearer realm="http://h/""#);
        assert_eq!(
            Failure::Expired.challenge("http://h/"),
            r#"Bearer realm="http://h/", error="invalid_token""#
        );
    }
}
