//! Of the plugin: shared data, queues, metrics, time, the log, foreign functions.

use super::{Argument, Call, Shown, bytes, call};
use crate::scenario::ID;
use crate::scenario::script::Op;

/// What a metric measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Counter = 0,
    Gauge = 1,
    Histogram = 2,
}

/// `proxy_get_shared_data`. The log shows how much higher the number is than the first of this VM.
/// [`keep`](Op::keep) keeps the number.
#[must_use]
pub fn get_shared(key: &str) -> Op {
    let arguments = [bytes(key), Argument::OutBytes, Argument::OutNumber];
    call("proxy_get_shared_data", format!("shared {key}"), arguments, Shown::BytesAndRise)
}

/// `proxy_set_shared_data` with a number.
#[must_use]
pub fn set_shared(key: &str, value: &str, number: i32) -> Op {
    let arguments = [bytes(key), bytes(value), Argument::I32(number)];
    call(
        "proxy_set_shared_data",
        format!("set shared {key} if {number}"),
        arguments,
        Shown::Nothing,
    )
}

/// `proxy_set_shared_data` with a kept number.
#[must_use]
pub fn set_shared_if_kept(key: &str, value: &str, register: usize) -> Op {
    let arguments = [bytes(key), bytes(value), Argument::Kept(register)];
    call("proxy_set_shared_data", format!("set shared {key} if kept"), arguments, Shown::Nothing)
}

/// `proxy_register_shared_queue`; keeps the token.
#[must_use]
pub fn register_queue(name: &str, register: usize) -> Op {
    let arguments = [bytes(name), Argument::OutNumber];
    let label = format!("register queue {name}");
    call("proxy_register_shared_queue", label, arguments, Shown::Nothing).keep(register)
}

/// `proxy_resolve_shared_queue`; keeps the token.
#[must_use]
pub fn resolve_queue(vm_id: &str, name: &str, register: usize) -> Op {
    let arguments = [bytes(vm_id), bytes(name), Argument::OutNumber];
    let label = format!("resolve queue {name} of {vm_id}");
    call("proxy_resolve_shared_queue", label, arguments, Shown::Nothing).keep(register)
}

/// `proxy_enqueue_shared_queue`.
#[must_use]
pub fn enqueue(register: usize, value: &str) -> Op {
    let arguments = [Argument::Kept(register), bytes(value)];
    call("proxy_enqueue_shared_queue", format!("enqueue {value}"), arguments, Shown::Nothing)
}

/// `proxy_dequeue_shared_queue`.
#[must_use]
pub fn dequeue(register: usize) -> Op {
    let arguments = [Argument::Kept(register), Argument::OutBytes];
    call("proxy_dequeue_shared_queue", "dequeue", arguments, Shown::Bytes)
}

/// `proxy_define_metric`, with a name that is the scenario's own; keeps the id.
#[must_use]
pub fn define(kind: Kind, name: &str, register: usize) -> Op {
    let arguments =
        [Argument::I32(kind as i32), bytes(format!("{ID}.{name}")), Argument::OutNumber];
    let label = format!("define {} {name}", format!("{kind:?}").to_lowercase());
    call("proxy_define_metric", label, arguments, Shown::Nothing).keep(register)
}

/// As [`define`], and the log shows the id.
#[must_use]
pub fn define_shown(kind: Kind, name: &str, register: usize) -> Op {
    match define(kind, name, register) {
        Op::Call(call) => Op::Call(Call { shown: Shown::Number, ..call }),
        other => other,
    }
}

/// `proxy_define_metric` with a kind as number.
#[must_use]
pub fn define_unknown(kind: i32, name: &str) -> Op {
    let arguments = [Argument::I32(kind), bytes(format!("{ID}.{name}")), Argument::OutNumber];
    call("proxy_define_metric", format!("define {kind} {name}"), arguments, Shown::Nothing)
}

/// `proxy_increment_metric`.
#[must_use]
pub fn increment(register: usize, by: i64) -> Op {
    let arguments = [Argument::Kept(register), Argument::I64(by)];
    call("proxy_increment_metric", format!("increment by {by}"), arguments, Shown::Nothing)
}

/// `proxy_record_metric`.
#[must_use]
pub fn record(register: usize, value: i64) -> Op {
    let arguments = [Argument::Kept(register), Argument::I64(value)];
    call("proxy_record_metric", format!("record {value}"), arguments, Shown::Nothing)
}

/// `proxy_get_metric`.
#[must_use]
pub fn get_metric(register: usize) -> Op {
    let arguments = [Argument::Kept(register), Argument::OutNumber64];
    call("proxy_get_metric", "get metric", arguments, Shown::Number64)
}

/// `proxy_get_metric`, `proxy_increment_metric` and `proxy_record_metric` with an id that nobody
/// defined.
#[must_use]
pub fn metric_unknown(id: i32) -> [Op; 3] {
    let number = Argument::I32(id);
    [
        call(
            "proxy_get_metric",
            format!("get metric {id}"),
            [number.clone(), Argument::OutNumber64],
            Shown::Number64,
        ),
        call(
            "proxy_increment_metric",
            format!("increment {id}"),
            [number.clone(), Argument::I64(1)],
            Shown::Nothing,
        ),
        call(
            "proxy_record_metric",
            format!("record {id}"),
            [number, Argument::I64(1)],
            Shown::Nothing,
        ),
    ]
}

/// `proxy_set_tick_period_milliseconds`.
#[must_use]
pub fn tick_every(milliseconds: i32) -> Op {
    let label = format!("tick every {milliseconds}");
    call("proxy_set_tick_period_milliseconds", label, [Argument::I32(milliseconds)], Shown::Nothing)
}

/// `proxy_get_current_time_nanoseconds`. The log shows only whether it went back.
#[must_use]
pub fn time() -> Op {
    call("proxy_get_current_time_nanoseconds", "time", [Argument::OutNumber64], Shown::Order)
}

/// `proxy_get_log_level`.
#[must_use]
pub fn log_level() -> Op {
    call("proxy_get_log_level", "log level", [Argument::OutNumber], Shown::Number)
}

/// `proxy_log` at a level.
#[must_use]
pub fn log_at(level: i32, text: &str) -> Op {
    let arguments = [Argument::I32(level), bytes(text)];
    call("proxy_log", format!("log at {level}"), arguments, Shown::Nothing)
}

/// `proxy_call_foreign_function`.
#[must_use]
pub fn foreign(name: &str, arguments: impl AsRef<[u8]>) -> Op {
    let arguments = [bytes(name), bytes(arguments), Argument::OutBytes];
    call("proxy_call_foreign_function", format!("foreign {name}"), arguments, Shown::Bytes)
}
