//! Small modules, written for one question each.

mod arguments;
mod recorder;

use super::*;
use crate::abi::{PAUSE, Result as HostResult, Status};
use crate::simulated::SimulatedHost;

/// What makes a module one of proxy-wasm, with a memory and an allocator that always gives the same
/// place.
const FRAME: &str = r#"
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
"#;

/// A module with these imports and definitions.
fn module(imports: &str, definitions: &str) -> Module {
    let text = format!("(module {imports} {FRAME} {definitions})");
    Module::from_bytes(&wat::parse_str(text).unwrap()).unwrap()
}

fn start(imports: &str, definitions: &str) -> Instance<SimulatedHost> {
    module(imports, definitions).instantiate(SimulatedHost::new()).unwrap()
}

fn error_of(text: &str) -> String {
    Module::from_bytes(&wat::parse_str(text).unwrap()).unwrap_err().to_string()
}

#[test]
fn what_is_no_module_of_ours_is_refused_with_the_reason() {
    let error = Module::from_bytes(b"no module").unwrap_err().to_string();
    assert!(error.starts_with("not a WebAssembly module"), "{error}");

    let error = error_of("(module)");
    assert!(error.contains("does not export proxy_abi_version_0_2_1"), "{error}");

    let error = Module::load("/nowhere/x.wasm").unwrap_err().to_string();
    assert!(error.starts_with("cannot read /nowhere/x.wasm"), "{error}");
}

#[test]
fn an_import_that_envoy_does_not_offer_is_refused_by_name() {
    let import = |what: &str| {
        let abi = r#"(func (export "proxy_abi_version_0_2_1"))"#;
        error_of(&format!("(module (import {what}) {abi})"))
    };
    let error = import(r#""env" "proxy_read_mind" (func)"#);
    assert!(error.contains("proxy_read_mind"), "{error}");
    // The right name with other parameters is another function.
    let error = import(r#""env" "proxy_done" (func (param i64))"#);
    assert!(error.contains("proxy_done"), "{error}");
}

#[test]
fn a_callback_that_is_not_exported_lets_everything_go_on() {
    let mut vm = start("", "");
    vm.on_context_create(1, 0).unwrap();
    assert_eq!(vm.on_vm_start(1, 0), Ok(true));
    assert_eq!(vm.on_configure(1, 0), Ok(true));
    assert_eq!(vm.on_request_headers(2, 0, true), Ok(crate::abi::CONTINUE));
    assert_eq!(vm.on_done(2), Ok(true));
    assert_eq!(vm.on_delete(2), Ok(()));
    assert_eq!(*vm.costs(), Costs::default());
}

#[test]
fn a_callback_gets_its_arguments_and_gives_its_answer() {
    let mut vm = start(
        "",
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (i32.and (i32.eq (local.get 0) (i32.const 7))
               (i32.and (i32.eq (local.get 1) (i32.const 11)) (local.get 2))))
           (func (export "proxy_on_done") (param i32) (result i32) (i32.const 0))"#,
    );
    assert_eq!(vm.on_request_headers(7, 11, true), Ok(PAUSE));
    assert_eq!(vm.on_request_headers(7, 11, false), Ok(crate::abi::CONTINUE));
    assert_eq!(vm.on_done(7), Ok(false));
}

#[test]
fn a_vm_starts_with_initialize_and_then_main() {
    let mut vm = start(
        r#"(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))"#,
        r#"(data (i32.const 0) "im")
           (func (export "_initialize") (drop (call $log (i32.const 2) (i32.const 0) (i32.const 1))))
           (func (export "main") (param i32 i32) (result i32)
             (call $log (i32.const 2) (i32.const 1) (i32.const 1)))
           (func (export "_start") unreachable)"#,
    );
    let lines: Vec<_> = vm.host_mut().log_lines().iter().map(|line| &line.message).collect();
    assert_eq!(lines, ["i", "m"]);
}

#[test]
fn a_panic_is_an_error_and_the_end_of_the_vm() {
    let mut vm = start("", r#"(func (export "proxy_on_tick") (param i32) unreachable)"#);
    let trap = vm.on_tick(1).unwrap_err();
    assert_eq!((trap.callback(), trap.cause()), ("proxy_on_tick", &Cause::Unreachable));
    assert_eq!(vm.on_configure(1, 0), Err(trap), "nothing runs in a dead VM");
}

#[test]
fn the_last_words_are_those_of_the_callback_that_died() {
    let speaking = module(
        r#"(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))"#,
        r#"(data (i32.const 0) "hello")
           (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
             (i32.eqz (call $log (i32.const 4) (i32.const 0) (i32.const 5))))
           (func (export "proxy_on_tick") (param i32) unreachable)
           (func (export "proxy_on_log") (param i32)
             (drop (call $log (i32.const 4) (i32.const 0) (i32.const 5)))
             (drop (call $log (i32.const 3) (i32.const 0) (i32.const 4)))
             unreachable)"#,
    );
    let mut vm = speaking.instantiate(SimulatedHost::new()).unwrap();
    assert_eq!(vm.on_vm_start(1, 0), Ok(true));
    assert_eq!(vm.on_tick(1).unwrap_err().last_words(), "");

    let mut vm = speaking.instantiate(SimulatedHost::new()).unwrap();
    let trap = vm.on_log(2).unwrap_err();
    assert_eq!(trap.to_string(), "proxy_on_log: the module panicked; the module said: hello");
}

#[test]
fn what_runs_for_ever_runs_out_of_fuel() {
    let mut vm = start("", r#"(func (export "proxy_on_tick") (param i32) (loop (br 0)))"#);
    vm.set_fuel_limit(10_000);
    assert_eq!(vm.on_tick(1).unwrap_err().cause(), &Cause::OutOfFuel);
}

#[test]
fn an_exit_is_a_trap_with_its_code() {
    let mut vm = start(
        r#"(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))"#,
        r#"(func (export "proxy_on_tick") (param i32) (call $exit (i32.const 3)))"#,
    );
    assert_eq!(vm.on_tick(1).unwrap_err().cause(), &Cause::Exit(3));
}

#[test]
fn what_envoy_forbids_at_the_start_ends_the_vm() {
    let forbidden = module(
        r#"(import "env" "proxy_done" (func $done (result i32)))"#,
        r#"(func (export "_initialize") (drop (call $done)))"#,
    );
    let trap = forbidden.instantiate(SimulatedHost::new()).err().unwrap();
    assert_eq!(trap.cause(), &Cause::Restricted("proxy_done"));
}

#[test]
fn memory_ends_where_envoy_ends_it() {
    let mut vm = start(
        "",
        r#"(func (export "proxy_on_done") (param i32) (result i32)
             (i32.ne (memory.grow (local.get 0)) (i32.const -1)))"#,
    );
    vm.set_fuel_limit(u64::MAX);
    let pages = 1 << 14;
    assert_eq!(vm.on_done(pages), Ok(false), "a GiB, and the page that is there");
    assert_eq!(vm.on_done(1), Ok(true));
    assert_eq!(vm.memory_size(), 2 << 16);
}

/// A module that asks for the property `path` at each tick, and puts the status at address 100, and
/// where and how long the value is at 104 and 108.
const ASKS_FOR_A_PROPERTY: (&str, &str) = (
    r#"(import "env" "proxy_get_property"
         (func $get (param i32 i32 i32 i32) (result i32)))"#,
    r#"(data (i32.const 0) "path")
       (func (export "proxy_on_tick") (param i32)
         (i32.store (i32.const 100)
           (call $get (i32.const 0) (i32.const 4) (i32.const 104) (i32.const 108))))"#,
);

fn asking(value: &[u8]) -> Instance<SimulatedHost> {
    let mut vm = start(ASKS_FOR_A_PROPERTY.0, ASKS_FOR_A_PROPERTY.1);
    vm.host_mut().set_attribute(&["path"], value);
    vm
}

/// The status, and the value.
fn answer(vm: &mut Instance<SimulatedHost>) -> (u32, Vec<u8>) {
    vm.on_tick(1).unwrap();
    let number = |at| u32::from_le_bytes(vm.read_memory(at, 4).unwrap().try_into().unwrap());
    let (status, address, size) = (number(100), number(104), number(108));
    (status, vm.read_memory(address, size).unwrap())
}

#[test]
fn bytes_of_the_host_lie_in_memory_that_the_module_allocated() {
    let mut vm = asking(b"value");
    assert_eq!(answer(&mut vm), (0, b"value".to_vec()));
    assert_eq!(vm.read_memory(104, 4), Some(4096_u32.to_le_bytes().to_vec()));
}

#[test]
fn no_bytes_are_nowhere() {
    let mut vm = asking(b"");
    assert_eq!(answer(&mut vm), (0, vec![]));
    assert_eq!(vm.read_memory(104, 4), Some(vec![0; 4]));
}

#[test]
fn what_the_host_does_not_have_is_its_status() {
    let mut vm = start(ASKS_FOR_A_PROPERTY.0, ASKS_FOR_A_PROPERTY.1);
    assert_eq!(answer(&mut vm), (Status::NOT_FOUND.code(), vec![]));
}

#[test]
fn a_value_that_does_not_fit_in_memory_is_an_invalid_access() {
    // The allocator answers 4096 whatever it is asked, and the memory has 65536 bytes.
    let mut vm = asking(&[1; 65536 - 4096 + 1]);
    assert_eq!(answer(&mut vm), (Status::INVALID_MEMORY_ACCESS.code(), vec![]));
}

#[test]
fn a_pointer_outside_of_memory_is_an_invalid_access() {
    let call = |arguments: &str| {
        let mut vm = start(
            ASKS_FOR_A_PROPERTY.0,
            &format!(
                r#"(func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
                     (call $get {arguments}))"#
            ),
        );
        vm.host_mut().set_attribute(&[""], "value");
        vm.on_request_trailers(2, 0).unwrap()
    };
    let invalid = Status::INVALID_MEMORY_ACCESS.code();
    assert_eq!(call("(i32.const 0) (i32.const 0) (i32.const 8) (i32.const 16)"), 0);
    assert_eq!(call("(i32.const 65536) (i32.const 1) (i32.const 8) (i32.const 16)"), invalid);
    assert_eq!(call("(i32.const -1) (i32.const -1) (i32.const 8) (i32.const 16)"), invalid);
    assert_eq!(call("(i32.const 0) (i32.const 0) (i32.const 65533) (i32.const 16)"), invalid);
    assert_eq!(call("(i32.const 0) (i32.const 0) (i32.const 8) (i32.const -1)"), invalid);
}

#[test]
fn fuel_is_the_number_of_instructions_and_host_calls_go_by_name() {
    let mut vm = asking(b"value");
    vm.on_tick(1).unwrap();
    vm.on_tick(1).unwrap();
    let tick = &vm.costs()["proxy_on_tick"];
    // Five constants, the call, the store; in the allocator one constant. Entering a function is one.
    assert_eq!(tick.fuel, 2 * (1 + 7 + 1 + 1));
    assert_eq!(tick.host_calls.iter().collect::<Vec<_>>(), [(&"proxy_get_property", &2)]);
    assert_eq!(vm.costs().total(), *tick);

    let before = vm.reset_costs();
    assert_eq!(before["proxy_on_tick"].host_call_count(), 2);
    assert!(vm.costs().is_empty());
}

#[test]
fn fuel_is_counted_when_a_callback_traps() {
    let mut vm = start(
        "",
        r#"(func (export "proxy_on_tick") (param i32) (drop (i32.const 1)) unreachable)"#,
    );
    vm.on_tick(1).unwrap_err();
    assert_eq!(vm.costs()["proxy_on_tick"].fuel, 1 + 1);
}

/// Falsifies everything.
struct Liar;

impl Interceptor for Liar {
    fn bytes(&mut self, name: &'static str, bytes: &mut Vec<u8>) {
        *bytes = name.into();
    }
}

/// Fails with this code.
struct Refusing(u32);

impl Interceptor for Refusing {
    fn call(&mut self, _name: &'static str) -> Option<u32> {
        Some(self.0)
    }
}

#[test]
fn an_interceptor_changes_what_the_module_gets_until_it_is_removed() {
    let mut vm = asking(b"value");
    vm.set_interceptor(Liar);
    assert_eq!(answer(&mut vm), (0, b"proxy_get_property".to_vec()));
    vm.set_interceptor(Refusing(99));
    assert_eq!(answer(&mut vm).0, 99);
    vm.remove_interceptor();
    assert_eq!(answer(&mut vm), (0, b"value".to_vec()));
    assert_eq!(vm.costs().total().host_call_count(), 3, "a call that fails is counted, too");
}

#[test]
fn a_success_without_an_answer_leaves_memory_as_it_is() {
    let mut vm = asking(b"value");
    vm.set_interceptor(Refusing(0));
    assert_eq!(answer(&mut vm), (0, vec![]));
}

#[test]
fn a_module_runs_in_several_threads_at_once() {
    let counting =
        module("", r#"(func (export "proxy_on_tick") (param i32) (drop (i32.const 1)))"#);
    let fuel = || {
        let mut vm = counting.instantiate(SimulatedHost::new()).unwrap();
        vm.on_tick(1).unwrap();
        vm.costs().total().fuel
    };
    std::thread::scope(|scope| {
        let threads = [scope.spawn(fuel), scope.spawn(fuel)];
        assert_eq!(threads.map(|thread| thread.join().unwrap()), [2, 2]);
    });
}

/// A host of a test's own.
#[derive(Default)]
struct Witness(Vec<String>);

impl Host for Witness {
    fn context_created(&mut self, context: u32, parent: u32) {
        self.0.push(format!("create {context} of {parent}"));
    }
    fn context_deleted(&mut self, context: u32) {
        self.0.push(format!("deleted {context}"));
    }
    fn callback_begins(&mut self, callback: &'static str, context: u32) {
        self.0.push(format!("{callback} {context}"));
    }
    fn callback_ends(&mut self) {
        self.0.push("end".into());
    }
    fn done(&mut self) -> HostResult<()> {
        self.0.push("done".into());
        Ok(())
    }
}

#[test]
fn a_host_knows_which_callback_runs_for_which_context() {
    let module = module(
        r#"(import "env" "proxy_done" (func $done (result i32)))"#,
        r#"(func (export "proxy_on_delete") (param i32) (drop (call $done)))"#,
    );
    let mut vm = module.instantiate(Witness::default()).unwrap();
    vm.on_context_create(1, 0).unwrap();
    vm.on_context_create(2, 1).unwrap();
    vm.on_delete(2).unwrap();
    assert_eq!(
        vm.host().0,
        ["create 1 of 0", "create 2 of 1", "proxy_on_delete 2", "done", "end", "deleted 2"]
    );
}
