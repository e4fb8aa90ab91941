//! The threads of the proxy, each with its VM, and what becomes of them.

use super::events::Event;
use super::settings::{FailurePolicy, PluginSettings};
use super::simulation::Simulation;
use crate::abi::BufferKind;
use crate::engine::{Callback, SharedHost, Vm};
use crate::module::Trap;
use crate::simulated::{Action, Callout, LogLine, SimulatedHost};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// The least time between two reloads of a VM that fails again and again (`reload_config` of Envoy's
/// `PluginConfig`).
const RELOAD_BACKOFF: Duration = Duration::from_secs(1);

/// How often new VMs were made for ones that have failed (`FAIL_RELOAD`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VmReloads {
    /// `wasm.<plugin>.vm_reload_success`.
    pub successes: u64,
    /// `wasm.<plugin>.vm_reload_failure`: the new VM did not come up.
    pub failures: u64,
    /// `wasm.<plugin>.vm_reload_backoff`: it was too soon.
    pub backoffs: u64,
}

/// The thread that makes the others.
const MAIN_THREAD: usize = 0;

/// The first context of a VM, of its first plugin.
const FIRST_CONTEXT: u32 = 1;

/// Changes a new host before its VM starts.
pub(super) type Hook = Box<dyn Fn(&mut SimulatedHost)>;

/// A VM and its surroundings.
pub(super) struct VmSlot {
    vm: Option<Box<dyn Vm>>,
    pub(super) host: SharedHost,
    pub(super) trap: Option<Trap>,
    is_trap_told: bool,
    next_context: u32,
    /// The root contexts, by listener.
    pub(super) roots: Vec<u32>,
    ticks: BTreeMap<u32, Tick>,
    /// What the module has asked for, and waits its turn.
    pub(super) actions: VecDeque<(u32, Action)>,
    started: Duration,
    /// Tells it from the VMs that the worker has had before.
    pub(super) number: u64,
    /// Whether it is in the place of one that has failed.
    is_reload: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tick {
    period: Duration,
    /// Names this setting of it: it may have been set anew.
    setting: u64,
}

/// What a callback has left behind.
pub(super) struct Collected {
    pub(super) log: Vec<LogLine>,
    pub(super) ticks: Vec<(u32, u32)>,
    pub(super) callouts: Vec<Callout>,
    pub(super) actions: Vec<(u32, Action)>,
    pub(super) has_failed_now: bool,
}

impl VmSlot {
    pub(super) fn call(&mut self, context: u32, callback: Callback) -> Result<u32, Trap> {
        if let Some(trap) = &self.trap {
            return Err(trap.clone());
        }
        let Some(vm) = &mut self.vm else { return Err(Trap::ended(callback.name())) };
        let answer = vm.call(context, callback);
        if let Err(trap) = &answer {
            self.trap = Some(trap.clone());
        }
        answer
    }

    pub(super) fn collect(&mut self) -> Collected {
        let mut host = self.host.lock();
        let has_failed_now = self.trap.is_some() && !self.is_trap_told;
        self.is_trap_told = self.trap.is_some();
        Collected {
            log: host.take_log(),
            ticks: host.take_tick_changes(),
            callouts: host.take_callouts(),
            actions: host.take_actions(),
            has_failed_now,
        }
    }

    /// A number for a new context.
    pub(super) fn new_context(&mut self) -> u32 {
        let context = self.next_context;
        self.next_context = context.saturating_add(1);
        context
    }

    pub(super) fn costs(&self) -> Option<&crate::module::Costs> {
        self.vm.as_ref()?.costs()
    }

    /// The VM dies as by a panic: nothing in it runs any more.
    pub(super) fn crash(&mut self) {
        self.trap = Some(Trap::ended("(crash)"));
        self.vm = None;
    }
}

impl Simulation {
    /// Starts the VM of every thread, and configures every plugin in it; whether all of them accept
    /// their configuration. On the main thread each is tried beforehand.
    pub(super) fn start(&mut self) -> Result<bool, Trap> {
        self.stop();
        for vm in MAIN_THREAD..=self.settings.workers {
            let slot = self.start_vm(vm)?;
            self.vms.push(slot);
            if !self.configure_vm(vm, vm == MAIN_THREAD)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a plugin accepts its configuration in a VM that is there for this alone
    /// (proxy-wasm-cpp-host, `WasmHandleBase::canary`).
    fn try_plugin(&mut self, plugin: &PluginSettings) -> Result<bool, Trap> {
        let canary = self.start_vm(MAIN_THREAD)?;
        let main = std::mem::replace(&mut self.vms[MAIN_THREAD], canary);
        let calls_before = self.calls.len();
        let accepted = self.configure_plugin(MAIN_THREAD, plugin);
        self.abandon_calls(calls_before);
        self.vms[MAIN_THREAD] = main;
        accepted.map(|root| root.is_some())
    }

    pub(super) fn stop(&mut self) {
        self.vms.clear();
        self.streams.clear();
        self.calls.clear();
        self.events = Default::default();
    }

    fn start_vm(&self, vm: usize) -> Result<VmSlot, Trap> {
        let host = SharedHost::new(self.new_host(vm));
        let vm = self.filter.start(host.clone())?;
        Ok(VmSlot {
            vm: Some(vm),
            host,
            trap: None,
            is_trap_told: false,
            next_context: FIRST_CONTEXT,
            roots: Vec::new(),
            ticks: BTreeMap::new(),
            actions: VecDeque::new(),
            started: self.now(),
            number: 0,
            is_reload: false,
        })
    }

    fn new_host(&self, vm: usize) -> SimulatedHost {
        let settings = &self.settings;
        let mut host = SimulatedHost::in_process(&self.process);
        host.set_vm(vm);
        host.set_seed(settings.seed.wrapping_add(vm as u64));
        host.set_log_level(settings.log_level);
        host.set_vm_configuration(settings.vm_configuration.clone());
        for (name, value) in &settings.environment {
            host.set_variable(name.clone(), value.clone());
        }
        for (path, value) in &settings.attributes {
            host.set_raw_attribute(path, value);
        }
        host.set_raw_attribute(b"plugin_vm_id", settings.vm_id.as_bytes());
        host.set_raw_attribute(b"plugin_root_id", settings.root_id.as_bytes());
        for cluster in self.upstreams.keys() {
            host.add_cluster(cluster.clone());
        }
        for hook in &self.hooks {
            hook(&mut host);
        }
        host
    }

    /// Creates and configures the plugins of a VM. Listeners whose plugins are equal share one.
    fn configure_vm(&mut self, vm: usize, are_tried: bool) -> Result<bool, Trap> {
        let plugins = self.plugins.clone();
        for (index, plugin) in plugins.iter().enumerate() {
            let before = plugins.iter().take(index).position(|other| other == plugin);
            if are_tried && before.is_none() && !self.try_plugin(plugin)? {
                return Ok(false);
            }
            let root = match before.and_then(|before| self.vms[vm].roots.get(before).copied()) {
                Some(root) => root,
                None => match self.configure_plugin(vm, plugin)? {
                    Some(root) => root,
                    None => return Ok(false),
                },
            };
            self.vms[vm].roots.push(root);
        }
        Ok(true)
    }

    /// The plugin's root context; `None` when the configuration is refused.
    fn configure_plugin(
        &mut self,
        vm: usize,
        plugin: &PluginSettings,
    ) -> Result<Option<u32>, Trap> {
        let slot = &mut self.vms[vm];
        let root = slot.new_context();
        {
            let mut host = slot.host.lock();
            host.set_plugin_name(root, &plugin.name);
            host.set_plugin_configuration(plugin.configuration.clone());
        }
        let size = u32::try_from(plugin.configuration.len()).unwrap_or(u32::MAX);
        self.call(vm, root, Callback::ContextCreate { parent: 0 }, |_| {})?;
        let vm_size = u32::try_from(self.settings.vm_configuration.len()).unwrap_or(u32::MAX);
        if self.call(vm, root, Callback::VmStart { size: vm_size }, |_| {})?.action == 0 {
            return Ok(None);
        }
        let accepted = self.call(vm, root, Callback::Configure { size }, |_| {})?;
        Ok((accepted.action != 0).then_some(root))
    }

    /// The VM for a new stream, made anew if it has failed and that is what the policy wants.
    pub(super) fn prepare_vm(&mut self, vm: usize) {
        let reloads = self.settings.failure_policy == FailurePolicy::Reload;
        let slot = &self.vms[vm];
        let is_due = self.now() >= slot.started.saturating_add(RELOAD_BACKOFF);
        if slot.trap.is_none() || !reloads {
            return;
        }
        if slot.is_reload && !is_due {
            self.reloads.backoffs = self.reloads.backoffs.saturating_add(1);
            return;
        }
        let Ok(mut fresh) = self.start_vm(vm) else { return };
        fresh.is_reload = true;
        fresh.number = self.vms[vm].number.saturating_add(1);
        self.vms[vm] = fresh;
        let counter = match self.configure_vm(vm, false) {
            Ok(true) => &mut self.reloads.successes,
            // One that does not come up again stays failed.
            _ => {
                self.vms[vm].crash();
                &mut self.reloads.failures
            }
        };
        *counter = counter.saturating_add(1);
    }

    pub(super) fn set_tick(&mut self, vm: usize, root: u32, milliseconds: u32) {
        let period = Duration::from_millis(milliseconds.into());
        let setting = self.events.stamp();
        let Some(slot) = self.vms.get_mut(vm) else { return };
        slot.ticks.insert(root, Tick { period, setting });
        if !period.is_zero() {
            let time = self.now().saturating_add(period);
            self.events.plan(time, Event::Tick { vm, root, setting });
        }
    }

    pub(super) fn tick(&mut self, vm: usize, root: u32, setting: u64) {
        let current = |it: &Self| {
            let tick = it.vms.get(vm)?.ticks.get(&root).copied()?;
            (tick.setting == setting && !tick.period.is_zero()).then_some(tick.period)
        };
        if current(self).is_none() {
            return;
        }
        let _ = self.call(vm, root, Callback::Tick, |_| {});
        if let Some(period) = current(self) {
            let time = self.now().saturating_add(period);
            self.events.plan(time, Event::Tick { vm, root, setting });
        }
    }

    /// The tick of every plugin of a VM that has one.
    pub(super) fn tick_periods(&self, vm: usize) -> Vec<Duration> {
        let ticks = self.vms.get(vm).into_iter().flat_map(|slot| slot.ticks.values());
        ticks.map(|tick| tick.period).filter(|period| !period.is_zero()).collect()
    }

    /// Puts the answer to a call where the module finds it while `run` calls it.
    pub(super) fn with_body<T>(
        &mut self,
        vm: usize,
        root: u32,
        buffer: BufferKind,
        body: Vec<u8>,
        run: impl FnOnce(&mut Self) -> T,
    ) -> T {
        if let Some(slot) = self.vms.get(vm) {
            slot.host.lock().set_body(root, buffer, body);
        }
        let result = run(self);
        if let Some(slot) = self.vms.get(vm) {
            slot.host.lock().take_body(root, buffer);
        }
        result
    }
}
