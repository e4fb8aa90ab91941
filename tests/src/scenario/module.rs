//! Scripts as modules: each is compiled to WebAssembly text, which calls the ABI without an SDK between.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result};

use super::host_calls::{Argument, Call, Shown};
use super::script::{Handler, Op, Parameter, Script, Signature};

const RUNTIME: &str = include_str!("runtime.wat");

/// Where returned numbers and addresses go.
const OUT_ADDRESS: u32 = 16;
const OUT_SIZE: u32 = 20;
const OUT_NUMBER: u32 = 24;
const OUT_NUMBER_64: u32 = 32;

/// Where the line is made that is logged next, and how long it may be.
const LINE: usize = 64;
const LINE_SIZE: usize = 32 * 1024;

/// So many numbers can be kept.
const REGISTERS: usize = 8;

const PAGE: usize = 64 * 1024;

/// The statuses of the ABI, in the words of the log.
const STATUSES: [&str; 13] = [
    "ok",
    "not found",
    "bad argument",
    "serialization failure",
    "parse failure",
    "bad expression",
    "invalid memory access",
    "empty",
    "cas mismatch",
    "result mismatch",
    "internal failure",
    "broken connection",
    "unimplemented",
];

impl Script {
    /// The module, for a scenario that is known by this name where [`ID`](super::ID) stands in the
    /// script.
    ///
    /// # Errors
    ///
    /// When the script cannot be compiled, which is a fault of this compiler.
    pub fn module(&self, id: &str) -> Result<Vec<u8>> {
        let text = Writer::new(id).module(self);
        wat::parse_str(&text).with_context(|| format!("the compiled script is wrong:\n{text}"))
    }
}

/// What the module is made of so far.
struct Writer<'a> {
    id: &'a str,
    /// Constant bytes, and where they are.
    data: Vec<u8>,
    imports: BTreeMap<&'static str, String>,
}

impl<'a> Writer<'a> {
    fn new(id: &'a str) -> Self {
        let imports = BTreeMap::from([("proxy_log", "i32 i32 i32".to_owned())]);
        Self { id, data: Vec::new(), imports }
    }

    fn module(mut self, script: &Script) -> String {
        let mut functions = String::new();
        for handler in &script.0 {
            self.function(handler, &mut functions);
        }
        let heap = (LINE + LINE_SIZE + self.data.len()).next_multiple_of(16);
        let mut text = String::from("(module\n");
        for (name, parameters) in &self.imports {
            writeln!(
                text,
                "  (import \"env\" \"{name}\" (func ${name} (param {parameters}) (result i32)))"
            )
            .ok();
        }
        writeln!(text, "  (memory (export \"memory\") {})", heap.div_ceil(PAGE)).ok();
        writeln!(text, "  (data (i32.const {}) \"{}\")", LINE + LINE_SIZE, quoted(&self.data)).ok();
        for (name, kind, value) in [
            ("heap", "i32", heap),
            ("start", "i32", LINE),
            ("end", "i32", LINE),
            ("base", "i32", 0),
            ("last", "i64", 0),
        ] {
            writeln!(text, "  (global ${name} (mut {kind}) ({kind}.const {value}))").ok();
        }
        for register in 0..REGISTERS {
            writeln!(text, "  (global $kept{register} (mut i32) (i32.const 0))").ok();
        }
        writeln!(text, "  (func $forget (global.set $heap (i32.const {heap})))").ok();
        text.push_str("  (func (export \"proxy_abi_version_0_2_1\"))\n");
        text + RUNTIME + &functions + ")\n"
    }

    fn function(&mut self, handler: &Handler, text: &mut String) {
        let signature = handler.callback.signature();
        let Signature { name, export, parameters, answer } = signature;
        let more = " i32".repeat(parameters.len());
        let result = if answer.is_some() { " (result i32)" } else { "" };
        writeln!(text, "\n  (global $times_{name} (mut i32) (i32.const 0))").ok();
        writeln!(text, "  (func (export \"{export}\") (param i32{more}){result}").ok();
        writeln!(text, "    (local $status i32)\n    (call $forget)").ok();
        writeln!(
            text,
            "    (global.set $times_{name} (i32.add (global.get $times_{name}) (i32.const 1)))"
        )
        .ok();
        if !handler.is_quiet {
            self.came(signature, text);
        }
        self.steps(name, &handler.steps, answer.is_some(), text);
        if let Some(answer) = answer {
            writeln!(text, "    (i32.const {answer})").ok();
        }
        text.push_str("  )\n");
    }

    /// Logs that a callback came.
    fn came(&mut self, signature: Signature, text: &mut String) {
        text.push_str("    (call $line)\n");
        self.text(&format!("{} ", signature.name), text);
        text.push_str("    (call $number (i64.extend_i32_u (local.get 0)))\n");
        for (parameter, index) in signature.parameters.iter().zip(1..) {
            match parameter {
                Parameter::Hidden => {}
                Parameter::Number(name) => {
                    self.text(&format!(", {name} "), text);
                    writeln!(text, "    (call $number (i64.extend_i32_u (local.get {index})))")
                        .ok();
                }
                Parameter::Flag(name) => {
                    writeln!(text, "    (if (local.get {index}) (then").ok();
                    self.text(&format!(", {name}"), text);
                    text.push_str("    ))\n");
                }
            }
        }
        text.push_str("    (call $flush)\n");
    }

    fn steps(&mut self, callback: &str, steps: &[Op], answers: bool, text: &mut String) {
        for step in steps {
            match step {
                Op::Call(call) => self.call(call, text),
                Op::Say(line) => {
                    text.push_str("    (call $line)\n");
                    self.text(line, text);
                    text.push_str("    (call $flush)\n");
                }
                Op::Answer(answer) if answers => {
                    writeln!(text, "    (return (i32.const {answer}))").ok();
                }
                Op::Answer(_) => text.push_str("    (return)\n"),
                Op::Trap => text.push_str("    unreachable\n"),
                Op::Nth(n, steps) => {
                    writeln!(
                        text,
                        "    (if (i32.eq (global.get $times_{callback}) (i32.const {n})) (then"
                    )
                    .ok();
                    self.steps(callback, steps, answers, text);
                    text.push_str("    ))\n");
                }
                Op::In(number, steps) => {
                    writeln!(text, "    (if (i32.eq (local.get 0) (i32.const {number})) (then")
                        .ok();
                    self.steps(callback, steps, answers, text);
                    text.push_str("    ))\n");
                }
            }
        }
    }

    fn call(&mut self, call: &Call, text: &mut String) {
        let mut parameters = Vec::new();
        let mut arguments = String::new();
        for argument in &call.arguments {
            match argument {
                Argument::I32(value) => {
                    parameters.push("i32");
                    write!(arguments, " (i32.const {value})").ok();
                }
                Argument::I64(value) => {
                    parameters.push("i64");
                    write!(arguments, " (i64.const {value})").ok();
                }
                Argument::Bytes(bytes) => {
                    parameters.extend(["i32", "i32"]);
                    let (address, size) = self.constant(bytes);
                    write!(arguments, " (i32.const {address}) (i32.const {size})").ok();
                }
                Argument::Kept(register) => {
                    parameters.push("i32");
                    write!(arguments, " (global.get $kept{register})").ok();
                }
                Argument::OutBytes => {
                    parameters.extend(["i32", "i32"]);
                    write!(arguments, " (i32.const {OUT_ADDRESS}) (i32.const {OUT_SIZE})").ok();
                }
                Argument::OutNumber => {
                    parameters.push("i32");
                    write!(arguments, " (i32.const {OUT_NUMBER})").ok();
                }
                Argument::OutNumber64 => {
                    parameters.push("i32");
                    write!(arguments, " (i32.const {OUT_NUMBER_64})").ok();
                }
            }
        }
        self.imports.insert(call.function, parameters.join(" "));
        writeln!(text, "    (i64.store (i32.const {OUT_ADDRESS}) (i64.const 0))").ok();
        writeln!(text, "    (i64.store (i32.const {OUT_NUMBER}) (i64.const 0))").ok();
        writeln!(text, "    (local.set $status (call ${}{arguments}))", call.function).ok();
        if let Some(register) = call.kept {
            writeln!(text, "    (global.set $kept{register} (i32.load (i32.const {OUT_NUMBER})))")
                .ok();
        }
        text.push_str("    (call $line)\n");
        self.text(&format!("{} -> ", call.label), text);
        self.status(text);
        if call.shown != Shown::Nothing {
            text.push_str("    (if (i32.eqz (local.get $status)) (then\n");
            text.push_str("    (call $byte (i32.const 32))\n");
            self.shown(call.shown, text);
            text.push_str("    ))\n");
        }
        text.push_str("    (call $flush)\n");
    }

    fn status(&mut self, text: &mut String) {
        for (name, code) in STATUSES.iter().zip(0..) {
            writeln!(text, "    (if (i32.eq (local.get $status) (i32.const {code})) (then").ok();
            self.text(name, text);
            text.push_str("    ))\n");
        }
        let last = STATUSES.len();
        writeln!(text, "    (if (i32.ge_u (local.get $status) (i32.const {last})) (then").ok();
        text.push_str("    (call $number (i64.extend_i32_u (local.get $status)))))\n");
    }

    fn shown(&mut self, shown: Shown, text: &mut String) {
        let returned =
            format!("(i32.load (i32.const {OUT_ADDRESS})) (i32.load (i32.const {OUT_SIZE}))");
        let quoted = format!(
            "    (call $byte (i32.const 39)) (call $bytes {returned}) (call $byte (i32.const 39))\n"
        );
        let number = format!("(i32.load (i32.const {OUT_NUMBER}))");
        let shown_number = format!("    (call $number (i64.extend_i32_u {number}))\n");
        let number_64 = format!("(i64.load (i32.const {OUT_NUMBER_64}))");
        match shown {
            Shown::Nothing => {}
            Shown::Bytes => text.push_str(&quoted),
            Shown::Pairs => {
                writeln!(text, "    (call $pairs {returned})").ok();
            }
            Shown::Number => text.push_str(&shown_number),
            Shown::Number64 => {
                writeln!(text, "    (call $number {number_64})").ok();
            }
            Shown::BytesAndNumber => {
                text.push_str(&quoted);
                text.push_str("    (call $byte (i32.const 32))\n");
                text.push_str(&shown_number);
            }
            Shown::BytesAndRise => {
                text.push_str(&quoted);
                writeln!(
                    text,
                    "    (if (i32.eqz (global.get $base)) (then (global.set $base {number})))"
                )
                .ok();
                self.text(" +", text);
                writeln!(
                    text,
                    "    (call $number (i64.extend_i32_u (i32.sub {number} (global.get $base))))"
                )
                .ok();
            }
            Shown::Order => {
                writeln!(text, "    (if (i64.ge_u {number_64} (global.get $last)) (then").ok();
                self.text("not before", text);
                text.push_str("    ) (else\n");
                self.text("before", text);
                writeln!(text, "    ))\n    (global.set $last {number_64})").ok();
            }
        }
    }

    /// Appends words to the line.
    fn text(&mut self, words: &str, text: &mut String) {
        let (address, size) = self.constant(words.as_bytes());
        writeln!(text, "    (call $text (i32.const {address}) (i32.const {size}))").ok();
    }

    /// Puts bytes into memory, with the scenario's own name in them.
    fn constant(&mut self, bytes: &[u8]) -> (usize, usize) {
        let bytes = with_id(bytes, self.id);
        let address = LINE + LINE_SIZE + self.data.len();
        self.data.extend_from_slice(&bytes);
        (address, bytes.len())
    }
}

/// The bytes with the scenario's own name, which is as long as [`ID`](super::ID), in its place.
fn with_id(bytes: &[u8], id: &str) -> Vec<u8> {
    let mark = super::ID.as_bytes();
    assert_eq!(mark.len(), id.len(), "{id} is not as long as the mark in scripts");
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(mark.len()).position(|window| window == mark) {
        let end = at + found + mark.len();
        bytes[at + found..end].copy_from_slice(id.as_bytes());
        at = end;
    }
    bytes
}

/// Bytes in a string of WebAssembly's text.
fn quoted(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'"' | b'\\' | 0..=31 | 127.. => write!(text, "\\{byte:02x}").unwrap_or_default(),
            plain => text.push(char::from(*plain)),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::*;

    #[test]
    fn the_name_of_the_scenario_stands_in_for_the_mark() {
        assert_eq!(with_id(b"probe-000.app, probe-000", "probe-017"), b"probe-017.app, probe-017");
        assert_eq!(with_id(b"probe-00", "probe-017"), b"probe-00");
        assert_eq!(with_id(b"probe-000", ID), b"probe-000");
    }

    #[test]
    fn only_what_is_scripted_is_exported_and_imported() {
        let script = Script::new().on(RequestHeaders, [get(Map::RequestHeaders, "x-a")]);
        let module = script.module(ID).unwrap();
        let has = |name: &str| module.windows(name.len()).any(|window| window == name.as_bytes());
        assert!(has("proxy_on_request_headers") && has("proxy_get_header_map_value"));
        assert!(!has("proxy_on_request_body") && !has("proxy_set_property"));
    }

    #[test]
    fn a_callback_that_is_scripted_again_does_the_new_thing_only() {
        let script = Script::new().watch([Log]).on(Log, [say("new")]).watch([Log]);
        assert_eq!(script.0.len(), 1);
        assert_eq!(script.0[0].steps.len(), 1);
    }
}
