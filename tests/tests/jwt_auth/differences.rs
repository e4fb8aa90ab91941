//! Every difference from Envoy's `jwt_authn`, all of them on purpose; the README lists them for users.

/// Where the two filters differ, and why.
pub(crate) struct Deliberate {
    pub(crate) name: &'static str,
    pub(crate) reason: &'static str,
    /// What ours says, of the names in [`Seen`](crate::comparison::Seen); `""` is nothing. What is not
    /// the same in each case, a case says itself.
    pub(crate) ours: &'static [(&'static str, &'static str)],
    /// What Envoy's filter says.
    pub(crate) native: &'static [(&'static str, &'static str)],
}

/// Defines the differences, and the list of all of them.
macro_rules! deliberate {
    ($($constant:ident: $name:literal, $reason:literal, ours: $ours:expr, native: $native:expr;)*) => {
        $(pub(crate) static $constant: Deliberate =
            Deliberate { name: $name, reason: $reason, ours: $ours, native: $native };)*

        pub(crate) static DELIBERATE: &[&Deliberate] = &[$(&$constant,)*];
    };
}

const PASSES: &[(&str, &str)] = &[("status", "200"), ("details", "via_upstream")];

/// A denial with 401 and these words.
macro_rules! denied {
    ($reason:literal) => {
        &[("status", "401"), ("body", $reason)]
    };
}

const BAD_FORMAT: &[(&str, &str)] =
    denied!("Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections");
const NO_KEY: &[(&str, &str)] = denied!("Jwks doesn't have key to match kid or alg from Jwt");
const HEADER_JSON: &[(&str, &str)] = denied!("Jwt header is an invalid JSON");
const PAYLOAD_JSON: &[(&str, &str)] = denied!("Jwt payload is an invalid JSON");
const PAYLOAD_BASE64: &[(&str, &str)] = denied!("Jwt payload is an invalid Base64url encoded");
const SIGNATURE_BASE64: &[(&str, &str)] = denied!("Jwt signature is an invalid Base64url encoded");
const WRONG: &[(&str, &str)] = denied!("Jwt verification fails");

deliberate! {
    EMPTY_SECTION: "empty sections", "a token has one form (RFC 7515, 7.1)",
        ours: BAD_FORMAT, native: PASSES;
    LONG_TOKEN: "tokens over 8192 bytes", "what one request may cost is bounded; `max_token_bytes`",
        ours: BAD_FORMAT, native: PASSES;
    LAST_BITS: "other last bits in base64url", "two texts must not be one token (RFC 4648, 3.5)",
        ours: SIGNATURE_BASE64, native: PASSES;
    PADDING: "padding", "JWS has none (RFC 7515, 2)",
        ours: SIGNATURE_BASE64, native: PASSES;
    BLANK_IN_SIGNATURE: "blanks in a signature", "they are no base64url (RFC 4648, 3.3)",
        ours: SIGNATURE_BASE64, native: PASSES;
    BLANK_IN_PAYLOAD: "blanks in a payload", "they are no base64url (RFC 4648, 3.3)",
        ours: PAYLOAD_BASE64, native: PASSES;
    NULL_HEADER: "`null` as a header", "a header is an object (RFC 7515, 4)",
        ours: HEADER_JSON, native: denied!("Jwt header [alg] field is required and must be a string");
    NULL_PAYLOAD: "`null` as a payload", "claims are an object (RFC 7519, 4)",
        ours: PAYLOAD_JSON, native: denied!("Jwt issuer is not configured");
    LAX_HEADER: "a header that is nearly JSON", "readers disagree about it (RFC 8259)",
        ours: HEADER_JSON, native: PASSES;
    LAX_PAYLOAD: "a payload that is nearly JSON", "readers disagree about it (RFC 8259)",
        ours: PAYLOAD_JSON, native: PASSES;
    DEEP: "nesting deeper than 32", "what one request may cost is bounded",
        ours: PAYLOAD_JSON, native: PASSES;
    CRIT: "`crit`", "an extension that is not understood must be refused (RFC 7515, 4.1.11)",
        ours: denied!("Jwt header [crit] is not supported"), native: PASSES;
    B64: "`b64` that is not true", "a JWT is never unencoded (RFC 7797, 7)",
        ours: denied!("Jwt header [b64] is not supported"), native: PASSES;
    ZIP: "`zip`", "a JWS is not compressed, and who reads it otherwise reads something else",
        ours: denied!("Jwt header [zip] is not supported"), native: PASSES;
    ISSUED_IN_THE_FUTURE: "`iat` in the future with `max_lifetime`", "contract, behaviour 4",
        ours: WRONG, native: PASSES;
    OTHER_KIND_OF_KEY: "keys of another kind are not tried",
        "a key fits by `kty`, `crv` and `alg` (RFC 8725, 3.1)",
        ours: NO_KEY, native: denied!("Jwt verification fails");
    OTHER_KIND_THAN_ED25519: "keys of another kind are not tried: Ed25519",
        "a key fits by `kty`, `crv` and `alg` (RFC 8725, 3.1)",
        ours: NO_KEY, native: denied!("Jwt ED25519 signature is wrong length");
    CONFUSED: "a key verifies no token that names another algorithm",
        "algorithm confusion (RFC 8725, 3.1)",
        ours: NO_KEY, native: PASSES;
    KEY_FOR_ANOTHER_PURPOSE: "`use` and `key_ops`", "a key is for one purpose (RFC 7517, 4.2, 4.3)",
        ours: NO_KEY, native: PASSES;
    HMAC_UNLISTED: "HMAC has to be listed", "who knows the key can sign; `algorithms` says it is meant",
        ours: NO_KEY, native: PASSES;
    LONG_ECDSA: "ECDSA signatures of another length", "they have one form (RFC 7518, 3.4)",
        ours: WRONG, native: PASSES;
    NAME_OF_ED25519: "`Ed25519`, the newer name of `EdDSA`", "RFC 9864",
        ours: PASSES, native: denied!("Jwt header [alg] is not supported");
    TWO_AUTHORIZATIONS: "more than one Authorization", "which one the upstream believes is anybody's guess",
        ours: BAD_FORMAT, native: PASSES;
    QUERY_IN_REALM: "the realm has no query", "a query may hold a token, and an answer is logged",
        ours: &[], native: &[];
    QUOTE_IN_REALM: "the realm keeps inside its quotes", "what a client sends must not become a parameter",
        ours: &[("realm", "http://service.example/a%22b"), ("answer www-authenticate", "Bearer realm=@")],
        native: &[("realm", "http://service.example/a"), ("answer www-authenticate", "Bearer realm=@b\"")];
    TWICE: "every value of a parameter or cookie is a token", "an upstream may read another one than Envoy",
        ours: &[("status", "200"), ("upstream x-sub", "alice | alice")],
        native: &[("status", "200"), ("upstream x-sub", "alice")];
    SECOND_PARAMETER: "a bad second parameter", "an upstream may read another one than Envoy",
        ours: BAD_FORMAT, native: PASSES;
    SECOND_COOKIE: "a bad second cookie", "an upstream may read another one than Envoy",
        ours: BAD_FORMAT, native: PASSES;
    QUERY_AS_WRITTEN: "other parameters stay as they were written", "they are not this filter's",
        ours: &[("status", "200")], native: &[("status", "200")];
    QUERY_OF_BLANKS: "other parameters stay as they were written: blanks",
        "native decodes them, and sends a request line that no server takes",
        ours: &[("status", "200"), ("path", "/params?x=a%20b")],
        native: &[("status", "400"), ("path", "")];
    ALLOW_MISSING_ALONE: "`allow_missing` alone with a good and a bad token",
        "whatever the order of the places, a bad token is not passed on",
        ours: denied!("Jwt is expired"), native: PASSES;
    ALL_AND_MISSING: "`requires_all` of a provider and `allow_missing`",
        "native removes in the second part what the first has written",
        ours: &[("status", "200"), ("upstream x-a-sub", "anna")],
        native: &[("status", "200"), ("upstream x-a-sub", "")];
    FORGOTTEN: "what a part of `requires_any` that fails has found is forgotten",
        "a token becomes headers only as a part of what let the request pass",
        ours: &[("status", "200"), ("upstream x-a-sub", "")],
        native: &[("status", "200"), ("upstream x-a-sub", "anna"), ("upstream x-a", "")];
    EXTRACTED: "extracted claims arrive whatever the signature is",
        "so it is documented; Envoy mends it after 1.40",
        ours: &[("status", "200"), ("upstream x-a", "")],
        native: &[("status", "200"), ("upstream x-a-sub", "")];
    MARK: "what was only extracted is marked, and nothing else",
        "a mark that depends on the signature is a verification; Envoy mends it after 1.40",
        ours: &[("status", "200")], native: &[("status", "200")];
    EXTRACTED_BEHIND_A_PROVIDER: "extracted claims in `requires_any`",
        "as alone", ours: &[("status", "200"), ("upstream x-a-sub", "mallory")],
        native: &[("status", "200"), ("upstream x-a-sub", "")];
    WHOLE_NUMBERS: "whole numbers stay whole", "contract, behaviour 3",
        ours: &[("status", "200")], native: &[("status", "200")];
    JSON_TEXT: "lists and objects: another text of the same JSON",
        "native escapes `<` and `>`, and has members in the order of a hash table",
        ours: &[("status", "200"), ("upstream x-n", "WyLDqSIsIjwmPiIsIi8iXQ==")],
        native: &[("status", "200"), ("upstream x-n", "WyLDqSIsIlx1MDAzYyZcdTAwM2UiLCIvIl0=")];
    TRIMMED: "a claim with blanks at its ends", "`admin ` must not arrive as `admin`",
        ours: &[("status", "200"), ("upstream x-n", "")],
        native: &[("status", "200"), ("upstream x-n", "a")];
    UNWRITABLE: "a claim that cannot be a header", "contract, behaviour 3",
        ours: &[("status", "200"), ("upstream x-n", "")],
        native: &[("status", "503"), ("body", "invalid header value for: x-n")];
    ROUTE: "the route is chosen again also without `clear_route_cache`",
        "Envoy does that when a module of its ABI changes a request header",
        ours: &[("status", "200"), ("body", "blue")],
        native: &[("status", "200"), ("body", "ok")];
}
