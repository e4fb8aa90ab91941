//! What connections on both sides tell about their TLS.

/// Writes the getters that `connection.*` and `upstream.*` have in common.
macro_rules! tls_attributes {
    ($group:tt $type:ident) => {
        $crate::properties::attribute::attributes! { $group $type:
            /// The version of TLS, such as `TLSv1.3`.
            tls_version -> $crate::properties::Text;
            /// The subject of the local certificate (RFC 2253).
            subject_local_certificate -> $crate::properties::Text;
            /// The subject of the peer's certificate (RFC 2253).
            subject_peer_certificate -> $crate::properties::Text;
            /// The first URI among the subject alternative names of the local certificate.
            uri_san_local_certificate -> $crate::properties::Text;
            /// The first URI among the subject alternative names of the peer's certificate, such as
            /// `spiffe://example.org/shop`.
            uri_san_peer_certificate -> $crate::properties::Text;
            /// The first DNS name among the subject alternative names of the local certificate.
            dns_san_local_certificate -> $crate::properties::Text;
            /// The first DNS name among the subject alternative names of the peer's certificate.
            dns_san_peer_certificate -> $crate::properties::Text;
            /// The SHA-256 of the peer's certificate, in lower-case hexadecimal.
            sha256_peer_certificate_digest -> $crate::properties::Text;
            /// The peer's certificate in PEM (Envoy's documentation calls it URL-encoded, which it is not up
            /// to 1.40). Envoy 1.38 or later.
            peer_certificate -> $crate::properties::Text;
        }
    };
}
pub(super) use tls_attributes;
