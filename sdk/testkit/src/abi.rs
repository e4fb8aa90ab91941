//! The numbers of the proxy-wasm ABI 0.2.1, by name.

use std::fmt;

/// Why a host function did not do what it was asked: a status code of the ABI other than 0
/// (`WasmResult` in proxy-wasm-cpp-host, `proxy_wasm_enums.h`).
///
/// ```
/// use tollgate_testkit::abi::Status;
///
/// assert_eq!(Status::NOT_FOUND.code(), 1);
/// assert_eq!(Status::from_code(8), Status::CAS_MISMATCH);
/// assert_eq!(format!("{:?}", Status::from_code(99)), "Status(99)");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(u32);

impl Status {
    /// The thing asked for does not exist.
    pub const NOT_FOUND: Self = Self(1);
    /// An argument is outside what the host allows.
    pub const BAD_ARGUMENT: Self = Self(2);
    /// The host could not serialise its answer.
    pub const SERIALIZATION_FAILURE: Self = Self(3);
    /// The host could not parse an argument.
    pub const PARSE_FAILURE: Self = Self(4);
    /// An expression is wrong.
    pub const BAD_EXPRESSION: Self = Self(5);
    /// A pointer of the module leads outside its memory.
    pub const INVALID_MEMORY_ACCESS: Self = Self(6);
    /// There is nothing to return.
    pub const EMPTY: Self = Self(7);
    /// The compare-and-swap number is not the current one.
    pub const CAS_MISMATCH: Self = Self(8);
    /// The answer is not of the expected kind.
    pub const RESULT_MISMATCH: Self = Self(9);
    /// Something went wrong in the host.
    pub const INTERNAL_FAILURE: Self = Self(10);
    /// The connection broke.
    pub const BROKEN_CONNECTION: Self = Self(11);
    /// The host does not have this function.
    pub const UNIMPLEMENTED: Self = Self(12);

    const NAMES: [&str; 12] = [
        "NotFound",
        "BadArgument",
        "SerializationFailure",
        "ParseFailure",
        "BadExpression",
        "InvalidMemoryAccess",
        "Empty",
        "CasMismatch",
        "ResultMismatch",
        "InternalFailure",
        "BrokenConnection",
        "Unimplemented",
    ];

    /// The status with this code; one that the ABI does not define is possible.
    #[must_use]
    pub const fn from_code(code: u32) -> Self {
        Self(code)
    }

    /// The code that the module sees.
    #[must_use]
    pub const fn code(self) -> u32 {
        self.0
    }

    fn name(self) -> Option<&'static str> {
        let index = usize::try_from(self.0).ok()?.checked_sub(1)?;
        Self::NAMES.get(index).copied()
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Status({})", self.0),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Status {}

/// What a host function answers.
pub type Result<T, E = Status> = std::result::Result<T, E>;

/// An enumeration of the ABI, and the way from its numbers.
macro_rules! enumeration {
    (
        $(#[$about:meta])*
        $name:ident { $($(#[$about_variant:meta])* $variant:ident = $code:literal,)* }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$about_variant])* $variant = $code,)*
        }

        impl $name {
            /// What the ABI means by this number, if anything.
            #[must_use]
            pub const fn from_code(code: u32) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

enumeration! {
    /// Which header map a call is about.
    MapKind {
        /// The headers of the request.
        RequestHeaders = 0,
        /// The trailers of the request.
        RequestTrailers = 1,
        /// The headers of the response.
        ResponseHeaders = 2,
        /// The trailers of the response.
        ResponseTrailers = 3,
        /// The initial metadata of an answer to a gRPC call.
        GrpcInitialMetadata = 4,
        /// The trailing metadata of an answer to a gRPC call.
        GrpcTrailingMetadata = 5,
        /// The headers of an answer to an HTTP call.
        HttpCallHeaders = 6,
        /// The trailers of an answer to an HTTP call.
        HttpCallTrailers = 7,
    }
}

enumeration! {
    /// Which buffer a call is about.
    BufferKind {
        /// The body of the request.
        RequestBody = 0,
        /// The body of the response.
        ResponseBody = 1,
        /// Bytes from the client of a TCP connection.
        DownstreamData = 2,
        /// Bytes from the upstream of a TCP connection.
        UpstreamData = 3,
        /// The body of an answer to an HTTP call.
        HttpCallBody = 4,
        /// A message of an answer to a gRPC call.
        GrpcMessage = 5,
        /// The configuration of the VM.
        VmConfiguration = 6,
        /// The configuration of the plugin.
        PluginConfiguration = 7,
        /// The arguments of `proxy_on_foreign_function`.
        ForeignFunctionArguments = 8,
    }
}

enumeration! {
    /// Which direction of a stream a call is about.
    StreamKind {
        /// Of HTTP, from the client to the upstream.
        Request = 0,
        /// Of HTTP, from the upstream to the client.
        Response = 1,
        /// Of TCP, the connection with the client.
        Downstream = 2,
        /// Of TCP, the connection with the upstream.
        Upstream = 3,
    }
}

enumeration! {
    /// What a metric measures.
    MetricKind {
        /// Only grows.
        Counter = 0,
        /// Goes up and down.
        Gauge = 1,
        /// A distribution of values.
        Histogram = 2,
    }
}

enumeration! {
    /// How important a line of the log is.
    LogLevel {
        /// Every step.
        Trace = 0,
        /// For who looks for a fault.
        Debug = 1,
        /// What an operator wants to know.
        Info = 2,
        /// Something is wrong, and was handled.
        Warn = 3,
        /// Something is wrong, and has an effect.
        Error = 4,
        /// Nothing works any more.
        Critical = 5,
    }
}

/// Lets the headers or the body go on to the next filter: what callbacks of a stream return.
pub const CONTINUE: u32 = 0;
/// Holds a stream until the module continues or ends it.
pub const PAUSE: u32 = 1;
