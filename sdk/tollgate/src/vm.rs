//! Where the host's callbacks become calls of a filter.
//!
//! A module has one VM: [`start`] makes it, and the functions of this module, one for each callback of
//! the ABI, are what the module exports (see [`export`](crate::export)). Natively a thread has one
//! VM, and a test may call the same functions.
//!
//! No callback panics, whatever it is called with: what is said of a context that is unknown or gone,
//! or of a call that nobody waits for, has no effect.
//!
//! A filter author meets them in native tests, which play Envoy:
//!
//! ```
//! # use std::rc::Rc;
//! # use tollgate::abi::native::{self, Host};
//! # use tollgate::abi::{BufferKind, MetricKind};
//! # use tollgate::prelude::*;
//! # pub struct Mine;
//! # #[derive(Deserialize)] pub struct Config {}
//! # #[tollgate::filter]
//! # impl HttpFilter for Mine {
//! #     type Config = Config;
//! #     fn configure(_: Config, _: &mut Setup) -> Result<Self, ConfigError> { Ok(Self) }
//! #     async fn request(&self, _: &mut Request<'_>) -> Result<Flow> { Ok(Flow::Continue) }
//! #     async fn response(&self, _: &mut Response<'_>) -> Result<Flow> { Ok(Flow::Continue) }
//! # }
//! # struct Proxy;
//! # impl Host for Proxy {
//! #     fn buffer(&self, _: BufferKind, _: usize, _: usize) -> Result<Vec<u8>> { Ok(b"{}".to_vec()) }
//! #     fn define_metric(&self, _: MetricKind, _: &str) -> Result<u32> { Ok(0) }
//! # }
//! # native::install(Rc::new(Proxy));
//! use tollgate::vm;
//!
//! /// The message goes on; any other answer holds it.
//! const CONTINUE: u32 = 0;
//!
//! vm::start::<Mine>();
//! vm::on_context_create(1, 0); // a plugin, whose number is 1
//! assert!(vm::on_configure(1));
//!
//! vm::on_context_create(2, 1); // a stream of plugin 1
//! assert_eq!(vm::on_request_headers(2, true), CONTINUE);
//! assert_eq!(vm::on_response_headers(2, true), CONTINUE);
//! vm::on_delete(2); // the stream ends
//! ```
//!
//! The chapter on [testing](crate::guide::testing) has whole ones.

use crate::abi::{self, BufferKind, StreamKind};
use crate::config;
use crate::config::ConfigError;
use crate::executor::{self, Scope};
use crate::filter::{FailurePolicy, HttpFilter};
use crate::id_map::IdMap;
use crate::metrics;
use crate::root_map::RootMap;
use crate::setup::Setup;
use crate::stream::{Exchange, Plugin, Stream, Verdict};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// What the host understands of a callback's answer (`context_interface.h` of proxy-wasm-cpp-host).
mod action {
    pub(super) const CONTINUE: u32 = 0;
    /// Of a body: what has come stays in the host's buffer.
    pub(super) const STOP_ITERATION_AND_BUFFER: u32 = 1;
    /// Of trailers.
    pub(super) const STOP_ITERATION: u32 = 1;
    /// Of a body: what has come is thrown away.
    pub(super) const STOP_ITERATION_NO_BUFFER: u32 = 3;
    /// Of headers: nothing of the stream goes on, and the sender is slowed down.
    pub(super) const STOP_ALL_ITERATION_AND_WATERMARK: u32 = 4;
}

thread_local! {
    static VM: Cell<Option<&'static dyn Callbacks>> = const { Cell::new(None) };
}

/// Makes the VM of a filter; the first thing that a module does.
///
/// The VM lasts as long as its module. Natively, another one in its place leaves the first as a module
/// that has failed leaves its memory: nothing in it is dropped.
pub fn start<F: HttpFilter>() {
    abi::run_constructors();
    VM.set(Some(Box::leak(Box::new(Vm::<F>::new()))));
}

/// Runs a callback, if there is a VM.
fn call<T: Default>(run: impl FnOnce(&dyn Callbacks) -> T) -> T {
    VM.get().map(run).unwrap_or_default()
}

/// `proxy_on_context_create`: of a plugin when `parent` is 0, else of a stream of that plugin.
pub fn on_context_create(context: u32, parent: u32) {
    call(|vm| vm.on_context_create(context, parent));
}

/// `proxy_on_configure`: whether the plugin takes its configuration, which the host holds.
#[must_use]
pub fn on_configure(root: u32) -> bool {
    call(|vm| vm.on_configure(root))
}

/// `proxy_on_tick`: the period that the plugin has set is over.
pub fn on_tick(root: u32) {
    executor::tick(root);
}

/// `proxy_on_request_headers`: the host has all of them; `end_of_stream` when there is no body.
#[must_use]
pub fn on_request_headers(context: u32, end_of_stream: bool) -> u32 {
    call(|vm| vm.on_request_headers(context, end_of_stream))
}

/// `proxy_on_request_body`: the host holds `size` bytes.
#[must_use]
pub fn on_request_body(context: u32, size: usize, end_of_stream: bool) -> u32 {
    call(|vm| vm.on_body(StreamKind::Request, context, size, end_of_stream))
}

/// `proxy_on_request_trailers`: they end the request.
#[must_use]
pub fn on_request_trailers(context: u32) -> u32 {
    call(|vm| vm.on_trailers(StreamKind::Request, context))
}

/// `proxy_on_response_headers`: likewise, from the upstream or made by the host.
#[must_use]
pub fn on_response_headers(context: u32, end_of_stream: bool) -> u32 {
    call(|vm| vm.on_response_headers(context, end_of_stream))
}

/// `proxy_on_response_body`: the host holds `size` bytes.
#[must_use]
pub fn on_response_body(context: u32, size: usize, end_of_stream: bool) -> u32 {
    call(|vm| vm.on_body(StreamKind::Response, context, size, end_of_stream))
}

/// `proxy_on_response_trailers`: they end the response.
#[must_use]
pub fn on_response_trailers(context: u32) -> u32 {
    call(|vm| vm.on_trailers(StreamKind::Response, context))
}

/// `proxy_on_http_call_response`: how many headers, bytes and trailers have come; no headers when the
/// call failed.
pub fn on_http_call_response(root: u32, call: u32, headers: usize, body_size: usize) {
    executor::refresh();
    crate::callout::http::answered(call, headers, body_size);
    executor::settle(root);
}

/// `proxy_on_grpc_receive`: the answer to a call is there, of `size` bytes.
pub fn on_grpc_receive(root: u32, call: u32, size: usize) {
    executor::refresh();
    crate::callout::grpc::received(call, size);
    executor::settle(root);
}

/// `proxy_on_grpc_close`: a call has ended without an answer, with a gRPC status.
pub fn on_grpc_close(root: u32, call: u32, status: u32) {
    executor::refresh();
    crate::callout::grpc::closed(call, status);
    executor::settle(root);
}

/// `proxy_on_delete`: of a stream or a plugin.
pub fn on_delete(context: u32) {
    call(|vm| vm.on_delete(context));
}

/// The callbacks that depend on the filter.
trait Callbacks {
    fn on_context_create(&self, context: u32, parent: u32);
    fn on_configure(&self, root: u32) -> bool;
    fn on_request_headers(&self, context: u32, end_of_stream: bool) -> u32;
    fn on_response_headers(&self, context: u32, end_of_stream: bool) -> u32;
    fn on_body(&self, kind: StreamKind, context: u32, size: usize, end_of_stream: bool) -> u32;
    fn on_trailers(&self, kind: StreamKind, context: u32) -> u32;
    fn on_delete(&self, context: u32);
}

/// All plugins of one filter in one worker, and their streams. Nothing is borrowed while a filter or
/// the host runs.
struct Vm<F: HttpFilter> {
    /// By root context; none before a plugin is configured.
    plugins: RefCell<RootMap<Option<Rc<Plugin<F>>>>>,
    /// What is there of streams: all, if the filter comes back to them, else those that wait.
    streams: RefCell<IdMap<u32, Rc<Stream<F>>>>,
    /// The stream that was created last. Envoy sends its request's headers at once
    /// (`Context::decodeHeaders` in `source/extensions/common/wasm/context.cc`).
    created: Cell<Scope>,
}

impl<F: HttpFilter> Vm<F> {
    fn new() -> Self {
        Self { plugins: RefCell::default(), streams: RefCell::default(), created: Cell::default() }
    }

    fn new_stream(&self, scope: Scope) -> Option<Rc<Stream<F>>> {
        self.plugin(scope.root).map(|plugin| Rc::new(Stream::new(scope, plugin)))
    }

    fn keep(&self, context: u32, stream: Rc<Stream<F>>) {
        let before = self.streams.borrow_mut().insert(context, stream);
        drop(before);
    }

    /// The stream of a request whose headers have come.
    fn beginning(&self, context: u32) -> Option<Rc<Stream<F>>> {
        let created = self.created.get();
        if F::KEEPS_STREAMS || created.context != context {
            return self.stream(context);
        }
        self.new_stream(created)
    }

    /// The headers of a request, for a filter that decides at once and keeps nothing: its stream needs no
    /// place of its own.
    fn request_at_once(&self, context: u32, end_of_stream: bool) -> u32 {
        let created = self.created.get();
        let scope = match F::TELLS_PLUGINS_APART {
            true => Some(created).filter(|created| created.context == context),
            false => self.any_plugin().map(|root| Scope { root, context }),
        };
        let plugin = scope.and_then(|scope| Some((scope, self.plugin(scope.root)?)));
        let Some((scope, plugin)) = plugin else {
            return without_filter(F::ON_FAILURE, StreamKind::Request);
        };
        executor::refresh();
        headers_action(Exchange::new(scope, plugin).request_at_once(end_of_stream))
    }

    fn any_plugin(&self) -> Option<u32> {
        self.plugins.borrow().iter().find(|(_, plugin)| plugin.is_some()).map(|(root, _)| root)
    }

    /// Forgets plugins that the host has deleted without saying so: a build may have removed the
    /// callback for it.
    fn sweep(&self, present: u32) {
        let roots: Vec<_> = self.plugins.borrow().iter().map(|(root, _)| root).collect();
        for root in roots {
            if abi::set_effective_context(root).is_err() {
                self.delete_plugin(root);
            }
        }
        let _ = abi::set_effective_context(present);
    }

    fn delete_plugin(&self, root: u32) {
        let plugin = self.plugins.borrow_mut().remove(root);
        if plugin.is_some() {
            executor::remove_root(root);
        }
    }

    fn stream(&self, context: u32) -> Option<Rc<Stream<F>>> {
        self.streams.borrow().get(&context).map(Rc::clone)
    }

    fn plugin(&self, root: u32) -> Option<Rc<Plugin<F>>> {
        self.plugins.borrow().get(root)?.as_ref().map(Rc::clone)
    }

    fn configure(&self, root: u32) -> Result<(), ConfigError> {
        let configuration = abi::buffer(BufferKind::PluginConfiguration, 0, usize::MAX)?;
        let config = config::parse(&configuration)?;
        let scope = Scope { root, context: root };
        let plugin = executor::within(scope, || Plugin::configure(config, &Setup::new(F::NAME)))?;
        let before = self.plugins.borrow_mut().insert(root, Some(Rc::new(plugin)));
        drop(before);
        Ok(())
    }
}

/// What becomes of a stream whose filter is not there.
fn without_filter(policy: FailurePolicy, kind: StreamKind) -> u32 {
    match policy {
        FailurePolicy::Open => action::CONTINUE,
        FailurePolicy::Closed => {
            let _ = abi::close_stream(kind);
            action::STOP_ALL_ITERATION_AND_WATERMARK
        }
    }
}

impl<F: HttpFilter> Callbacks for Vm<F> {
    fn on_context_create(&self, context: u32, parent: u32) {
        if parent == 0 {
            self.plugins.borrow_mut().get_or_default(context);
            return;
        }
        let scope = Scope { root: parent, context };
        if !F::KEEPS_STREAMS {
            self.created.set(scope);
        } else if let Some(stream) = self.new_stream(scope) {
            self.keep(context, stream);
        }
    }

    fn on_configure(&self, root: u32) -> bool {
        self.sweep(root);
        let configured = self.configure(root);
        executor::settle(root);
        configured
            .inspect_err(|error| {
                // Whatever was wrong, the next one shall not stumble over what this one left.
                metrics::forget();
                crate::error!("tollgate {}: configuration refused: {error}", F::NAME);
            })
            .is_ok()
    }

    fn on_request_headers(&self, context: u32, end_of_stream: bool) -> u32 {
        if !F::KEEPS_STREAMS && !F::REQUEST_WAITS {
            return self.request_at_once(context, end_of_stream);
        }
        let Some(stream) = self.beginning(context) else {
            return without_filter(F::ON_FAILURE, StreamKind::Request);
        };
        executor::refresh();
        let verdict = stream.request_headers(end_of_stream);
        if !F::KEEPS_STREAMS && F::REQUEST_WAITS && stream.is_waiting() {
            self.keep(context, stream);
        }
        headers_action(verdict)
    }

    fn on_response_headers(&self, context: u32, end_of_stream: bool) -> u32 {
        let Some(stream) = self.stream(context) else {
            return match F::KEEPS_STREAMS {
                true => without_filter(F::ON_FAILURE, StreamKind::Response),
                false => action::CONTINUE,
            };
        };
        let verdict = stream.response_headers(end_of_stream);
        headers_action(verdict)
    }

    fn on_body(&self, kind: StreamKind, context: u32, size: usize, end_of_stream: bool) -> u32 {
        if !looks_behind_headers::<F>() {
            return action::CONTINUE;
        }
        let Some(stream) = self.stream(context) else { return action::CONTINUE };
        let verdict = stream.body(kind, size, end_of_stream);
        match verdict {
            Verdict::Release => action::CONTINUE,
            Verdict::Hold => action::STOP_ITERATION_AND_BUFFER,
            Verdict::Stop => action::STOP_ITERATION_NO_BUFFER,
        }
    }

    fn on_trailers(&self, kind: StreamKind, context: u32) -> u32 {
        if !looks_behind_headers::<F>() {
            return action::CONTINUE;
        }
        let Some(stream) = self.stream(context) else { return action::CONTINUE };
        let verdict = stream.trailers(kind);
        match verdict {
            Verdict::Release => action::CONTINUE,
            Verdict::Hold | Verdict::Stop => action::STOP_ITERATION,
        }
    }

    fn on_delete(&self, context: u32) {
        let stream = self.streams.borrow_mut().remove(&context);
        if let Some(stream) = stream {
            let scope = stream.scope();
            executor::within(scope, || {
                stream.end();
                drop(stream);
            });
            executor::settle(scope.root);
            return;
        }
        self.delete_plugin(context);
    }
}

/// Whether a filter looks at bodies or trailers; if not, a module has no code for them.
const fn looks_behind_headers<F: HttpFilter>() -> bool {
    F::HANDLES_REQUEST_BODY
        || F::HANDLES_REQUEST_TRAILERS
        || F::HANDLES_RESPONSE_BODY
        || F::HANDLES_RESPONSE_TRAILERS
}

fn headers_action(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Release => action::CONTINUE,
        Verdict::Hold | Verdict::Stop => action::STOP_ALL_ITERATION_AND_WATERMARK,
    }
}

/// Exports the callbacks of a filter from its module; [`#[tollgate::filter]`](macro@crate::filter) does
/// it.
///
/// In a build for wasm32 it also adds a custom section that tells which phases the filter handles, so
/// that a build may remove the exports for the others: Envoy calls whatever a module exports, several
/// times a request. A module that keeps them all works as well.
///
/// ```no_run
/// # use tollgate::prelude::*;
/// # pub struct Mine;
/// # #[derive(serde::Deserialize)] pub struct Config {}
/// # #[tollgate::filter(feature = "module")]
/// # impl HttpFilter for Mine {
/// #     type Config = Config;
/// #     fn configure(_: Config, _: &mut Setup) -> Result<Self, ConfigError> { Ok(Self) }
/// # }
/// tollgate::export!(Mine);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export {
    ($filter:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::vm;

            #[used]
            #[unsafe(link_section = "tollgate.phases")]
            static PHASES: [u8; 9] = vm::phases::<$filter>();

            #[unsafe(no_mangle)]
            extern "C" fn _initialize() {
                vm::start::<$filter>();
            }
            #[unsafe(no_mangle)]
            extern "C" fn proxy_abi_version_0_2_1() {}
            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
                $crate::abi::allocate(size)
            }
            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
                vm::on_context_create(context, parent);
            }
            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_configure(root: u32, _size: usize) -> u32 {
                u32::from(vm::on_configure(root))
            }
            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_tick(root: u32) {
                vm::on_tick(root);
            }
            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_request_headers(context: u32, _count: usize, end: u32) -> u32 {
                vm::on_request_headers(context, end != 0)
            }
            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_request_body(context: u32, size: usize, end: u32) -> u32 {
                vm::on_request_body(context, size, end != 0)
            }
            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_request_trailers(context: u32, _count: usize) -> u32 {
                vm::on_request_trailers(context)
            }
            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_response_headers(context: u32, _count: usize, end: u32) -> u32 {
                vm::on_response_headers(context, end != 0)
            }
            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_response_body(context: u32, size: usize, end: u32) -> u32 {
                vm::on_response_body(context, size, end != 0)
            }
            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_response_trailers(context: u32, _count: usize) -> u32 {
                vm::on_response_trailers(context)
            }
            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_http_call_response(
                root: u32,
                call: u32,
                headers: usize,
                body_size: usize,
                _trailers: usize,
            ) {
                vm::on_http_call_response(root, call, headers, body_size);
            }
            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_grpc_receive(root: u32, call: u32, size: usize) {
                vm::on_grpc_receive(root, call, size);
            }
            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_grpc_close(root: u32, call: u32, status: u32) {
                vm::on_grpc_close(root, call, status);
            }
            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_delete(context: u32) {
                vm::on_delete(context);
            }
        };
    };
}

/// Which phases a filter needs to be told of, in the order of the trait's methods, and whether anything
/// of a stream may be left after its request's headers, and whether it matters which plugin it is of; `1`
/// for each that is so. What comes later in a
/// direction begins with its headers, and a body may end with trailers. For [`export`](crate::export).
#[doc(hidden)]
#[must_use]
pub const fn phases<F: HttpFilter>() -> [u8; 9] {
    let request = F::HANDLES_REQUEST_BODY || F::HANDLES_REQUEST_TRAILERS;
    let response = F::HANDLES_RESPONSE_BODY || F::HANDLES_RESPONSE_TRAILERS;
    [
        digit(F::HANDLES_REQUEST || request),
        digit(F::HANDLES_REQUEST_BODY),
        digit(request),
        digit(F::HANDLES_RESPONSE || response),
        digit(F::HANDLES_RESPONSE_BODY),
        digit(response),
        digit(F::HANDLES_END),
        digit(F::KEEPS_STREAMS || F::REQUEST_WAITS),
        digit(F::TELLS_PLUGINS_APART),
    ]
}

const fn digit(flag: bool) -> u8 {
    if flag { b'1' } else { b'0' }
}

#[cfg(test)]
mod tests;
