//! What runs a filter: a thread that has it natively, or an interpreter that has its module.

mod callback;
mod host;
mod native;

pub(crate) use callback::Callback;
pub(crate) use host::SharedHost;

use crate::built;
use crate::module::{Instance, Module, Trap};
use native::NativeVm;
use std::fmt;
use tollgate::prelude::HttpFilter;

/// A filter, and how it runs.
///
/// ```
/// # use tollgate_testkit::Filter;
/// # pub struct Greeter;
/// # #[derive(tollgate::prelude::Deserialize)] pub struct Config {}
/// # #[tollgate::filter(feature = "module")]
/// # impl tollgate::prelude::HttpFilter for Greeter {
/// #     type Config = Config;
/// #     fn configure(_: Config, _: &mut tollgate::prelude::Setup)
/// #         -> Result<Self, tollgate::prelude::ConfigError> { Ok(Self) }
/// # }
/// let filter = Filter::native::<Greeter>();
/// ```
#[derive(Clone)]
pub struct Filter(Kind);

#[derive(Clone)]
enum Kind {
    /// Makes the VM of the calling thread.
    Native(fn()),
    Module(Module),
}

impl Filter {
    /// Runs in the test itself: fast, with a debugger, with coverage. Each of its VMs is a thread.
    #[must_use]
    pub fn native<F: HttpFilter>() -> Self {
        Self(Kind::Native(tollgate::vm::start::<F>))
    }

    /// Runs as the module that Envoy would load.
    #[must_use]
    pub fn module(module: Module) -> Self {
        Self(Kind::Module(module))
    }

    /// Runs as the module of a package: the one that `cargo xtask build` has left in `dist/`, in the
    /// package's `folder` or above it, as long as it is not older than the sources; else it is built now.
    /// What [`tollgate_testkit::test`](macro@crate::test) makes asks for it.
    ///
    /// # Panics
    ///
    /// When it cannot be built: that fails the test, and says what Cargo says.
    #[must_use]
    #[expect(clippy::panic, reason = "a test without its module fails")]
    pub fn built(package: &str, folder: &str) -> Self {
        match built::module(package, folder.as_ref()) {
            Ok(module) => Self::module(module),
            Err(error) => panic!("{error}"),
        }
    }

    /// Whether it runs natively.
    #[must_use]
    pub fn is_native(&self) -> bool {
        matches!(self.0, Kind::Native(_))
    }

    /// Starts a VM that lives in this host.
    pub(crate) fn start(&self, host: SharedHost) -> Result<Box<dyn Vm>, Trap> {
        Ok(match &self.0 {
            Kind::Native(start) => Box::new(NativeVm::start(*start, host)),
            Kind::Module(module) => Box::new(module.instantiate(host)?),
        })
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_native() { "Filter(native)" } else { "Filter(module)" })
    }
}

/// A VM that runs callbacks.
pub(crate) trait Vm {
    /// Runs a callback of a context; what the VM does not have answers as Envoy takes it.
    fn call(&mut self, context: u32, callback: Callback) -> Result<u32, Trap>;

    /// The instructions and host calls so far; nothing for a native VM.
    fn costs(&self) -> Option<&crate::module::Costs> {
        None
    }
}

impl Vm for Instance<SharedHost> {
    fn call(&mut self, context: u32, callback: Callback) -> Result<u32, Trap> {
        use Callback::*;
        let done = |()| 0;
        match callback {
            ContextCreate { parent } => self.on_context_create(context, parent).map(done),
            VmStart { size } => self.on_vm_start(context, size).map(u32::from),
            Configure { size } => self.on_configure(context, size).map(u32::from),
            Tick => self.on_tick(context).map(done),
            QueueReady { token } => self.on_queue_ready(context, token).map(done),
            RequestHeaders { count, end } => self.on_request_headers(context, count, end),
            RequestBody { size, end } => self.on_request_body(context, size, end),
            RequestTrailers { count } => self.on_request_trailers(context, count),
            ResponseHeaders { count, end } => self.on_response_headers(context, count, end),
            ResponseBody { size, end } => self.on_response_body(context, size, end),
            ResponseTrailers { count } => self.on_response_trailers(context, count),
            HttpCallResponse { token, headers, body, trailers } => {
                self.on_http_call_response(context, token, headers, body, trailers).map(done)
            }
            GrpcReceive { token, size } => self.on_grpc_receive(context, token, size).map(done),
            GrpcClose { token, status } => self.on_grpc_close(context, token, status).map(done),
            Done => self.on_done(context).map(u32::from),
            Log => self.on_log(context).map(done),
            Delete => self.on_delete(context).map(done),
        }
    }

    fn costs(&self) -> Option<&crate::module::Costs> {
        Some(Instance::costs(self))
    }
}
