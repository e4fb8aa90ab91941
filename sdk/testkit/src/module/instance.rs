//! One VM: how it starts, runs a callback, and dies.

use super::Module;
use super::cost::Costs;
use super::host_call::{State, WHILE_STARTING};
use super::imports;
use super::interceptor::Interceptor;
use super::trap::Trap;
use crate::abi::CONTINUE;
use crate::host::Host;
use wasmi::{Error, Linker, Store, WasmParams, WasmResults};

/// What a callback may spend unless a test says otherwise: seconds of an interpreter's time.
const DEFAULT_FUEL_LIMIT: u64 = 1_000_000_000;

/// One VM of a [`Module`], with its [`Host`].
///
/// Each callback is a method. What the module does not export does nothing, and answers as Envoy
/// takes it: go on, fine. After a [`Trap`] the VM is dead, and every callback fails with that trap.
///
/// Nothing is checked: a test may call what Envoy would not, for instance a stream that never began.
pub struct Instance<H> {
    store: Store<State<H>>,
    instance: wasmi::Instance,
    fuel_limit: u64,
    trap: Option<Trap>,
}

/// Links a module and runs nothing but its start function.
pub(super) fn link<H: Host + 'static>(
    module: &Module,
    host: H,
) -> Result<(Store<State<H>>, wasmi::Instance), Error> {
    let engine = module.module.engine();
    let mut linker = Linker::new(engine);
    imports::link(&mut linker)?;
    let mut store = Store::new(engine, State::new(host));
    store.limiter(|state| &mut state.limits);
    store.set_fuel(DEFAULT_FUEL_LIMIT)?;
    let instance = linker.instantiate_and_start(&mut store, &module.module)?;
    Ok((store, instance))
}

impl<H: Host + 'static> Instance<H> {
    /// As Envoy starts a VM (proxy-wasm-cpp-host, `wasm.cc`, `startVm`).
    pub(super) fn start(module: &Module, host: H) -> Result<Self, Trap> {
        let (mut store, instance) =
            link(module, host).map_err(|error| Trap::new("(start)", &error, b""))?;
        let memory = instance.get_memory(&store, "memory");
        let allocate = ["malloc", "proxy_on_memory_allocate"]
            .iter()
            .find_map(|name| instance.get_typed_func(&store, name).ok());
        let state = store.data_mut();
        (state.memory, state.allocate) = (memory, allocate);
        let mut it = Self { store, instance, fuel_limit: DEFAULT_FUEL_LIMIT, trap: None };
        it.store.data_mut().allowed = Some(WHILE_STARTING);
        it.run_entry_point()?;
        it.store.data_mut().allowed = None;
        Ok(it)
    }

    fn run_entry_point(&mut self) -> Result<(), Trap> {
        if !self.exports("_initialize") {
            return self.call("_start", 0, ());
        }
        self.call::<()>("_initialize", 0, ())?;
        if self.exports("main") {
            return self.call::<u32>("main", 0, (0, 0)).map(drop);
        }
        self.call::<u32>("__main_void", 0, ()).map(drop)
    }

    /// Whether the module has an export of this name.
    #[must_use]
    pub fn exports(&self, name: &str) -> bool {
        self.instance.get_export(&self.store, name).is_some()
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &H {
        &self.store.data().host
    }

    /// The host, to change it between callbacks.
    pub fn host_mut(&mut self) -> &mut H {
        &mut self.store.data_mut().host
    }

    /// What the callbacks have cost, from the start of the VM or from [`Instance::reset_costs`] on.
    #[must_use]
    pub fn costs(&self) -> &Costs {
        &self.store.data().costs
    }

    /// Begins to count anew, and returns what was counted.
    pub fn reset_costs(&mut self) -> Costs {
        std::mem::take(&mut self.store.data_mut().costs)
    }

    /// How much fuel a callback may take before it traps; 1,000,000,000 unless set.
    pub fn set_fuel_limit(&mut self, fuel: u64) {
        self.fuel_limit = fuel;
    }

    /// Sets who stands between the module and its host.
    pub fn set_interceptor(&mut self, interceptor: impl Interceptor + 'static) {
        self.store.data_mut().interceptor = Some(Box::new(interceptor));
    }

    /// Lets host calls through again.
    pub fn remove_interceptor(&mut self) {
        self.store.data_mut().interceptor = None;
    }

    /// The size of the module's memory, in bytes. It never shrinks.
    #[must_use]
    pub fn memory_size(&self) -> usize {
        self.store.data().memory.map_or(0, |memory| memory.data_size(&self.store))
    }

    /// Bytes of the module's memory; `None` where it has none.
    #[must_use]
    pub fn read_memory(&self, address: u32, size: u32) -> Option<Vec<u8>> {
        let memory = self.store.data().memory?.data(&self.store);
        let (start, size) = (address as usize, size as usize);
        Some(memory.get(start..start.checked_add(size)?)?.to_vec())
    }

    /// Runs a callback if the module exports it.
    pub(super) fn call<A: Answer>(
        &mut self,
        name: &'static str,
        context: u32,
        parameters: impl WasmParams,
    ) -> Result<A, Trap> {
        if let Some(trap) = &self.trap {
            return Err(trap.clone());
        }
        if !self.exports(name) {
            return Ok(A::ABSENT);
        }
        let state = self.store.data_mut();
        state.callback = name;
        state.last_words.clear();
        state.host.callback_begins(name, context);
        let result = self.run(name, parameters);
        self.store.data_mut().host.callback_ends();
        result.map(A::from_raw).map_err(|error| {
            let trap = Trap::new(name, &error, &self.store.data().last_words);
            self.trap.insert(trap).clone()
        })
    }

    fn run<P: WasmParams, R: WasmResults>(
        &mut self,
        name: &'static str,
        parameters: P,
    ) -> Result<R, Error> {
        let function = self.instance.get_typed_func::<P, R>(&self.store, name)?;
        self.store.set_fuel(self.fuel_limit)?;
        let result = function.call(&mut self.store, parameters);
        let used = self.fuel_limit.saturating_sub(self.store.get_fuel()?);
        self.store.data_mut().costs.count_fuel(name, used);
        result
    }
}

/// What a callback answers.
pub(super) trait Answer {
    /// As the module gives it.
    type Raw: WasmResults;
    /// The answer of a callback that is not exported.
    const ABSENT: Self;

    fn from_raw(raw: Self::Raw) -> Self;
}

impl Answer for () {
    type Raw = ();
    const ABSENT: Self = ();

    fn from_raw((): ()) -> Self {}
}

impl Answer for bool {
    type Raw = u32;
    const ABSENT: Self = true;

    fn from_raw(raw: u32) -> Self {
        raw != 0
    }
}

impl Answer for u32 {
    type Raw = Self;
    const ABSENT: Self = CONTINUE;

    fn from_raw(raw: Self) -> Self {
        raw
    }
}
