//! Time, the log, and whatever outlives a request: properties, shared data, queues, metrics.

use super::known;
use crate::abi::{LogLevel, MetricKind, Status};
use crate::host::Host;
use crate::module::host_call::{HostCall, State};
use wasmi::{Caller, Error, Linker};

pub(super) fn link<H: Host + 'static>(linker: &mut Linker<State<H>>) -> Result<(), Error> {
    process(linker)?;
    shared(linker)?;
    metrics(linker)
}

fn process<H: Host + 'static>(linker: &mut Linker<State<H>>) -> Result<(), Error> {
    host_functions! { linker:
        fn proxy_log(call, level: u32, message: u32, size: u32) {
            let level = known(LogLevel::from_code(level))?;
            let message = call.bytes(message, size)?;
            call.log(level, &message)
        }
        fn proxy_get_log_level(call, level_at: u32) {
            let level = call.host().get_log_level()?;
            call.give_u32(level as u32, level_at)
        }
        fn proxy_get_current_time_nanoseconds(call, time_at: u32) {
            let time = call.host().get_current_time_nanoseconds();
            call.give_u64(time, time_at)
        }
        fn proxy_set_tick_period_milliseconds(call, period: u32) {
            Ok(call.host().set_tick_period_milliseconds(period)?)
        }
        fn proxy_get_property(call, path: u32, path_size: u32, address_at: u32, size_at: u32) {
            let path = call.bytes(path, path_size)?;
            let value = call.host().get_property(&path)?;
            call.give_bytes(value, (address_at, size_at))
        }
        fn proxy_set_property(call, path: u32, path_size: u32, value: u32, value_size: u32) {
            let (path, value) = (call.bytes(path, path_size)?, call.bytes(value, value_size)?);
            Ok(call.host().set_property(&path, &value)?)
        }
        fn proxy_set_effective_context(call, context: u32) {
            Ok(call.host().set_effective_context(context)?)
        }
        fn proxy_done(call) {
            Ok(call.host().done()?)
        }
        fn proxy_call_foreign_function(
            call,
            name: u32,
            name_size: u32,
            arguments: u32,
            arguments_size: u32,
            address_at: u32,
            size_at: u32,
        ) {
            let name = call.bytes(name, name_size)?;
            let arguments = call.bytes(arguments, arguments_size)?;
            let result = call.host().call_foreign_function(&name, &arguments)?;
            call.give_bytes(result, (address_at, size_at))
        }
    }
    Ok(())
}

fn shared<H: Host + 'static>(linker: &mut Linker<State<H>>) -> Result<(), Error> {
    host_functions! { linker:
        fn proxy_get_shared_data(
            call,
            key: u32,
            key_size: u32,
            address_at: u32,
            size_at: u32,
            cas_at: u32,
        ) {
            let key = call.bytes(key, key_size)?;
            let (value, cas) = call.host().get_shared_data(&key)?;
            call.give_bytes(value, (address_at, size_at))?;
            call.give_u32(cas, cas_at)
        }
        fn proxy_set_shared_data(
            call,
            key: u32,
            key_size: u32,
            value: u32,
            value_size: u32,
            cas: u32,
        ) {
            let (key, value) = (call.bytes(key, key_size)?, call.bytes(value, value_size)?);
            Ok(call.host().set_shared_data(&key, &value, cas)?)
        }
        fn proxy_register_shared_queue(call, name: u32, name_size: u32, token_at: u32) {
            let name = call.bytes(name, name_size)?;
            let token = call.host().register_shared_queue(&name)?;
            call.give_u32(token, token_at)
        }
        fn proxy_resolve_shared_queue(
            call,
            vm_id: u32,
            vm_id_size: u32,
            name: u32,
            name_size: u32,
            token_at: u32,
        ) {
            let (vm_id, name) = (call.bytes(vm_id, vm_id_size)?, call.bytes(name, name_size)?);
            let token = call.host().resolve_shared_queue(&vm_id, &name)?;
            call.give_u32(token, token_at)
        }
        fn proxy_dequeue_shared_queue(call, token: u32, address_at: u32, size_at: u32) {
            let item = call.host().dequeue_shared_queue(token)?;
            call.give_bytes(item, (address_at, size_at))
        }
        fn proxy_enqueue_shared_queue(call, token: u32, item: u32, item_size: u32) {
            let item = call.bytes(item, item_size)?;
            Ok(call.host().enqueue_shared_queue(token, &item)?)
        }
    }
    Ok(())
}

fn metrics<H: Host + 'static>(linker: &mut Linker<State<H>>) -> Result<(), Error> {
    host_functions! { linker:
        fn proxy_define_metric(call, kind: u32, name: u32, name_size: u32, metric_at: u32) {
            let name = call.bytes(name, name_size)?;
            let kind = known(MetricKind::from_code(kind))?;
            let metric = call.host().define_metric(kind, &name)?;
            call.give_u32(metric, metric_at)
        }
        fn proxy_get_metric(call, metric: u32, value_at: u32) {
            let value = call.host().get_metric(metric)?;
            call.give_u64(value, value_at)
        }
        fn proxy_record_metric(call, metric: u32, value: u64) {
            Ok(call.host().record_metric(metric, value)?)
        }
        fn proxy_increment_metric(call, metric: u32, offset: i64) {
            Ok(call.host().increment_metric(metric, offset)?)
        }
    }
    Ok(())
}
