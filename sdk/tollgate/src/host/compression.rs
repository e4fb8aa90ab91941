//! Envoy's `compress` and `uncompress`.

use crate::abi::{HostError, Result, Status};

/// The longest input of [`uncompress`], in bytes.
///
/// Deflate makes at most 1,032 bytes of one. The result of so much may be 258 MiB, which a module
/// survives; one that does not fit into its memory **ends the whole Envoy** with a segmentation fault
/// (seen on 1.40).
pub const UNCOMPRESS_MAX_INPUT: usize = 256 * 1024;

/// The bytes in zlib's format (RFC 1950, not gzip), compressed at zlib's default level.
///
/// # Errors
///
/// When the host lacks the function or fails.
///
/// ```
/// use tollgate::host;
///
/// # fn example(state: &[u8]) -> tollgate::Result<()> {
/// let small = host::compress(state)?;
/// assert_eq!(host::uncompress(&small)?, state);
/// # Ok(())
/// # }
/// ```
pub fn compress(bytes: &[u8]) -> Result<Vec<u8>> {
    super::call("compress", bytes)
}

/// What was compressed to `bytes` in zlib's format (RFC 1950, not gzip).
///
/// Meant for what a module has compressed itself. The host knows no limit for the result, so bytes of
/// a client may make it allocate a thousand times of what it gets: decode those in the module.
///
/// # Errors
///
/// When the bytes are not in that format, incomplete, or more than [`UNCOMPRESS_MAX_INPUT`]; when the
/// host lacks the function.
///
/// ```
/// use tollgate::host;
///
/// # fn example(small: &[u8]) -> tollgate::Result<()> {
/// let state = host::uncompress(small)?;
/// # Ok(())
/// # }
/// ```
pub fn uncompress(bytes: &[u8]) -> Result<Vec<u8>> {
    if bytes.len() > UNCOMPRESS_MAX_INPUT {
        return Err(HostError::new("uncompress", Status::BadArgument));
    }
    super::call("uncompress", bytes)
}
