//! One call of a host function: counting it, and the module's memory while it runs.

use super::cost::Costs;
use super::interceptor::Interceptor;
use super::trap::Stop;
use crate::abi::{LogLevel, Status};
use crate::headers::HeaderMap;
use crate::host::Host;
use wasmi::{Caller, Memory, StoreLimits, StoreLimitsBuilder, TypedFunc};

/// So much of what a module says before it dies is kept.
const MAX_LAST_WORDS: usize = 4096;

/// As much memory as Envoy lets a module have (proxy-wasm-cpp-host, `limits.h`).
const MAX_MEMORY_BYTES: usize = 1 << 30;

/// What a VM may call while it starts (proxy-wasm-cpp-host, `wasm.cc`, `startVm`).
pub(super) const WHILE_STARTING: &[&str] = &[
    "proxy_log",
    "args_get",
    "args_sizes_get",
    "clock_res_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_write",
    "random_get",
];
/// What a VM may call while it allocates (proxy-wasm-cpp-host, `wasm.h`, `allocMemory`).
const WHILE_ALLOCATING: &[&str] = &["proxy_log", "clock_time_get", "fd_write"];

/// What belongs to one VM.
pub(super) struct State<H> {
    pub(super) host: H,
    pub(super) interceptor: Option<Box<dyn Interceptor>>,
    pub(super) costs: Costs,
    /// The callback that runs, or ran last.
    pub(super) callback: &'static str,
    /// The errors logged in this callback, a line each.
    pub(super) last_words: Vec<u8>,
    /// What may be called now; `None` is everything.
    pub(super) allowed: Option<&'static [&'static str]>,
    pub(super) memory: Option<Memory>,
    pub(super) allocate: Option<TypedFunc<u32, u32>>,
    pub(super) limits: StoreLimits,
}

impl<H> State<H> {
    pub(super) fn new(host: H) -> Self {
        Self {
            host,
            interceptor: None,
            costs: Costs::default(),
            callback: "",
            last_words: Vec::new(),
            allowed: None,
            memory: None,
            allocate: None,
            limits: StoreLimitsBuilder::new().memory_size(MAX_MEMORY_BYTES).build(),
        }
    }
}

/// A call of a host function that is being answered.
pub(super) struct HostCall<'a, H> {
    caller: Caller<'a, State<H>>,
    name: &'static str,
}

/// Why a host function does not answer 0.
pub(super) enum Failure {
    /// It answers this.
    Code(u32),
    /// A pointer leads outside the module's memory.
    OutOfBounds,
    /// The VM ends.
    Stop(wasmi::Error),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Code(status.code())
    }
}

pub(super) type Outcome<T = ()> = Result<T, Failure>;

impl<'a, H: Host> HostCall<'a, H> {
    /// Answers a call by `body`; `out_of_bounds` is the code for a bad pointer.
    pub(super) fn answer(
        mut caller: Caller<'a, State<H>>,
        name: &'static str,
        out_of_bounds: u32,
        body: impl FnOnce(&mut Self) -> Outcome,
    ) -> Result<u32, wasmi::Error> {
        let state = caller.data_mut();
        if state.allowed.is_some_and(|allowed| !allowed.contains(&name)) {
            return Err(wasmi::Error::host(Stop::Restricted(name)));
        }
        state.costs.count_host_call(state.callback, name);
        if let Some(code) = state.interceptor.as_mut().and_then(|it| it.call(name)) {
            return Ok(code);
        }
        match body(&mut Self { caller, name }) {
            Ok(()) => Ok(0),
            Err(Failure::Code(code)) => Ok(code),
            Err(Failure::OutOfBounds) => Ok(out_of_bounds),
            Err(Failure::Stop(error)) => Err(error),
        }
    }

    pub(super) fn host(&mut self) -> &mut H {
        &mut self.caller.data_mut().host
    }

    pub(super) fn log(&mut self, level: LogLevel, message: &[u8]) -> Outcome {
        let state = self.caller.data_mut();
        if level >= LogLevel::Error && state.last_words.len() < MAX_LAST_WORDS {
            state.last_words.extend_from_slice(message);
            state.last_words.push(b'\n');
        }
        Ok(state.host.log(level, message)?)
    }

    /// Bytes of the module.
    pub(super) fn bytes(&self, address: u32, size: u32) -> Outcome<Vec<u8>> {
        let memory = self.memory()?.data(&self.caller);
        let (start, size) = (address as usize, size as usize);
        let bytes = start.checked_add(size).and_then(|end| memory.get(start..end));
        bytes.map(<[u8]>::to_vec).ok_or(Failure::OutOfBounds)
    }

    /// A header map of the module.
    pub(super) fn headers(&self, address: u32, size: u32) -> Outcome<HeaderMap> {
        Ok(HeaderMap::from_bytes(&self.bytes(address, size)?))
    }

    /// Writes into the module's memory what nobody may falsify.
    pub(super) fn write(&mut self, address: u32, bytes: &[u8]) -> Outcome {
        let written = self.memory()?.write(&mut self.caller, address as usize, bytes);
        written.map_err(|_| Failure::OutOfBounds)
    }

    /// Gives bytes of the host to the module, in memory that the module allocates, and tells it at
    /// the two addresses where and how many they are. No bytes are at address 0.
    pub(super) fn give_bytes(
        &mut self,
        mut bytes: Vec<u8>,
        (address_at, size_at): (u32, u32),
    ) -> Outcome {
        if let Some(interceptor) = &mut self.caller.data_mut().interceptor {
            interceptor.bytes(self.name, &mut bytes);
        }
        let size = u32::try_from(bytes.len()).map_err(|_| Failure::OutOfBounds)?;
        let address = if size == 0 { 0 } else { self.allocate(size)? };
        self.write(address, &bytes)?;
        self.write(address_at, &address.to_le_bytes())?;
        self.write(size_at, &size.to_le_bytes())
    }

    /// Gives a number of 32 bits to the module.
    pub(super) fn give_u32(&mut self, number: u32, at: u32) -> Outcome {
        let number = self.intercepted(u64::from(number));
        let [low @ .., _, _, _, _] = number.to_le_bytes();
        self.write(at, &low)
    }

    /// Gives a number of 64 bits to the module.
    pub(super) fn give_u64(&mut self, number: u64, at: u32) -> Outcome {
        let number = self.intercepted(number);
        self.write(at, &number.to_le_bytes())
    }

    fn intercepted(&mut self, mut number: u64) -> u64 {
        if let Some(interceptor) = &mut self.caller.data_mut().interceptor {
            interceptor.number(self.name, &mut number);
        }
        number
    }

    fn memory(&self) -> Outcome<Memory> {
        self.caller.data().memory.ok_or(Failure::OutOfBounds)
    }

    fn allocate(&mut self, size: u32) -> Outcome<u32> {
        let state = self.caller.data_mut();
        let allocate = state.allocate.ok_or(Failure::OutOfBounds)?;
        let outside = state.allowed.replace(WHILE_ALLOCATING);
        let allocated = allocate.call(&mut self.caller, size);
        self.caller.data_mut().allowed = outside;
        match allocated.map_err(Failure::Stop)? {
            0 => Err(Failure::OutOfBounds),
            address => Ok(address),
        }
    }
}
