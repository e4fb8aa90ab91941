//! Standing between a module and its host.

/// Whoever stands between a module and its host and makes host calls fail, or falsifies what they
/// give: for tests of what a filter does then. Each method does nothing unless it is implemented.
///
/// ```
/// use tollgate_testkit::abi::Status;
/// use tollgate_testkit::module::Interceptor;
///
/// /// A host that has lost its shared data.
/// struct NoSharedData;
///
/// impl Interceptor for NoSharedData {
///     fn call(&mut self, name: &'static str) -> Option<u32> {
///         name.ends_with("_shared_data").then_some(Status::INTERNAL_FAILURE.code())
///     }
/// }
/// ```
pub trait Interceptor {
    /// A host function is called. `Some` is what the module gets instead: a status code of the ABI,
    /// or of WASI for a function of WASI. With `Some(0)` the module is told of a success, and gets
    /// nothing.
    fn call(&mut self, _name: &'static str) -> Option<u32> {
        None
    }

    /// Bytes that the host gives to the module: a header map as the ABI writes it, a value, a body.
    fn bytes(&mut self, _name: &'static str, _bytes: &mut Vec<u8>) {}

    /// A number that the host gives to the module: a time, a metric's value or identifier, a token,
    /// a compare-and-swap number. The module may see its lower 32 bits only.
    fn number(&mut self, _name: &'static str, _number: &mut u64) {}
}
