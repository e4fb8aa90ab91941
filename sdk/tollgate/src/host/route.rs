//! Envoy's `clear_route_cache`.

use crate::abi::Result;

/// Has Envoy choose the route again when somebody next asks for it: what
/// [`Request::clear_route_cache`](crate::Request::clear_route_cache) calls. Does nothing in an upstream
/// filter, and outside a request.
///
/// # Errors
///
/// When the host lacks the function.
///
/// ```
/// use tollgate::prelude::*;
/// use tollgate::host;
///
/// # fn example(request: &mut Request) -> Result<()> {
/// request.headers_mut().set("x-version", "2")?;
/// host::clear_route_cache()?;
/// # Ok(())
/// # }
/// ```
pub fn clear_route_cache() -> Result<()> {
    super::call("clear_route_cache", &[]).map(drop)
}
