//! The callbacks of the ABI, as methods of an [`Instance`].

use super::instance::Instance;
use super::trap::Trap;
use crate::host::Host;

/// Defines a method for each callback, of the export's name without `proxy_`. The first argument is
/// the context.
macro_rules! callbacks {
    ($(
        $(#[$about:meta])*
        fn $name:ident($context:ident $(, $argument:ident: $type:ty)*) -> $answer:ty;
    )*) => {
        $(
            #[doc = concat!("Calls `proxy_", stringify!($name), "`.\n")]
            $(#[$about])*
            #[doc = "\n# Errors\n\nWhen the module traps."]
            pub fn $name(
                &mut self,
                $context: u32,
                $($argument: $type,)*
            ) -> Result<$answer, Trap> {
                let parameters = ($context, $(u32::from($argument),)*);
                self.call(concat!("proxy_", stringify!($name)), $context, parameters)
            }
        )*
    };
}

/// The life of a VM, of its plugins (root contexts) and of their streams.
impl<H: Host + 'static> Instance<H> {
    /// Calls `proxy_on_context_create`: there is a new stream of the plugin `root`; or, when `root`
    /// is 0, a new plugin.
    ///
    /// # Errors
    ///
    /// When the module traps.
    pub fn on_context_create(&mut self, context: u32, root: u32) -> Result<(), Trap> {
        self.host_mut().context_created(context, root);
        self.call("proxy_on_context_create", context, (context, root))
    }

    /// Calls `proxy_on_delete`: the context is no more.
    ///
    /// # Errors
    ///
    /// When the module traps.
    pub fn on_delete(&mut self, context: u32) -> Result<(), Trap> {
        let result = self.call("proxy_on_delete", context, context);
        self.host_mut().context_deleted(context);
        result
    }

    callbacks! {
        /// Answers whether the VM may be used.
        fn on_vm_start(root, configuration_size: u32) -> bool;
        /// Answers whether the configuration is accepted.
        fn on_configure(root, configuration_size: u32) -> bool;
        /// The period that the plugin set is over.
        fn on_tick(root) -> ();
        /// There is something in a shared queue.
        fn on_queue_ready(root, token: u32) -> ();
        /// A foreign function calls back.
        fn on_foreign_function(context, function: u32, arguments_size: u32) -> ();
        /// The context has ended; answers whether it may be deleted at once.
        fn on_done(context) -> bool;
        /// The access log is about to be written.
        fn on_log(context) -> ();
    }
}

/// HTTP streams. They answer [`CONTINUE`](crate::abi::CONTINUE), [`PAUSE`](crate::abi::PAUSE), or a
/// number that the ABI does not define.
impl<H: Host + 'static> Instance<H> {
    callbacks! {
        /// The headers of a request have arrived.
        fn on_request_headers(context, count: u32, end_of_stream: bool) -> u32;
        /// A part of a request's body has arrived.
        fn on_request_body(context, size: u32, end_of_stream: bool) -> u32;
        /// The trailers of a request have arrived.
        fn on_request_trailers(context, count: u32) -> u32;
        /// The headers of a response have arrived.
        fn on_response_headers(context, count: u32, end_of_stream: bool) -> u32;
        /// A part of a response's body has arrived.
        fn on_response_body(context, size: u32, end_of_stream: bool) -> u32;
        /// The trailers of a response have arrived.
        fn on_response_trailers(context, count: u32) -> u32;
    }
}

/// TCP streams. They answer as HTTP streams do.
impl<H: Host + 'static> Instance<H> {
    callbacks! {
        /// A client has connected.
        fn on_new_connection(context) -> u32;
        /// The client has sent something.
        fn on_downstream_data(context, size: u32, end_of_stream: bool) -> u32;
        /// The upstream has sent something.
        fn on_upstream_data(context, size: u32, end_of_stream: bool) -> u32;
        /// The connection with the client is closed; by which end, `peer` says.
        fn on_downstream_connection_close(context, peer: u32) -> ();
        /// The connection with the upstream is closed; by which end, `peer` says.
        fn on_upstream_connection_close(context, peer: u32) -> ();
    }
}

/// Answers to the calls that the module made.
impl<H: Host + 'static> Instance<H> {
    callbacks! {
        /// An HTTP call was answered or, without headers, has failed.
        fn on_http_call_response(
            root, token: u32, headers: u32, body_size: u32, trailers: u32
        ) -> ();
        /// The initial metadata of a gRPC call or stream have arrived.
        fn on_grpc_receive_initial_metadata(root, token: u32, count: u32) -> ();
        /// A message has arrived on a gRPC call or stream.
        fn on_grpc_receive(root, token: u32, size: u32) -> ();
        /// The trailing metadata of a gRPC call or stream have arrived.
        fn on_grpc_receive_trailing_metadata(root, token: u32, count: u32) -> ();
        /// A gRPC call or stream is over, with this gRPC status.
        fn on_grpc_close(root, token: u32, status: u32) -> ();
    }
}
