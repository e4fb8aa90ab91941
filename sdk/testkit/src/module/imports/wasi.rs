//! The functions of WASI (`wasi_snapshot_preview1`) that Rust's standard library needs, as Envoy
//! has them (proxy-wasm-cpp-host, `exports.cc`). No files, no arguments.

use crate::abi::LogLevel;
use crate::host::Host;
use crate::module::host_call::{Failure, HostCall, Outcome, State};
use crate::module::trap::Stop;
use wasmi::{Caller, Error, Linker};

/// Error numbers of WASI.
const BAD_FILE: u32 = 8;
const BAD_ADDRESS: u32 = 21;
const INVALID: u32 = 28;
const NOT_SUPPORTED: u32 = 58;

/// At most so many random bytes at a time (proxy-wasm-cpp-host, `limits.h`).
const MAX_RANDOM_BYTES: u32 = 1 << 16;

/// Defines functions that return an error number of WASI.
macro_rules! wasi_functions {
    ($linker:ident: $(
        fn $name:ident($call:ident $(, $argument:ident: $type:ty)* $(,)?) $body:block
    )*) => {
        $($linker.func_wrap(
            "wasi_snapshot_preview1",
            stringify!($name),
            |caller: Caller<'_, State<H>> $(, $argument: $type)*| {
                HostCall::answer(caller, stringify!($name), BAD_ADDRESS, |$call| $body)
            },
        )?;)*
    };
}

pub(super) fn link<H: Host + 'static>(linker: &mut Linker<State<H>>) -> Result<(), Error> {
    wasi_functions! { linker:
        fn clock_time_get(call, clock: u32, _precision: u64, time_at: u32) {
            let time = match clock {
                0 => call.host().get_current_time_nanoseconds(),
                1 => call.host().monotonic_nanoseconds(),
                _ => return Err(Failure::Code(NOT_SUPPORTED)),
            };
            call.give_u64(time, time_at)
        }
        fn clock_res_get(call, clock: u32, resolution_at: u32) {
            if clock > 1 {
                return Err(Failure::Code(NOT_SUPPORTED));
            }
            call.give_u64(1, resolution_at)
        }
        fn random_get(call, buffer: u32, size: u32) {
            if size > MAX_RANDOM_BYTES {
                return Err(Failure::Code(INVALID));
            }
            let mut bytes = vec![0; size as usize];
            call.host().random(&mut bytes);
            call.write(buffer, &bytes)
        }
        fn fd_write(call, file: u32, parts: u32, count: u32, written_at: u32) {
            let level = match file {
                1 => LogLevel::Info,
                2 => LogLevel::Error,
                _ => return Err(Failure::Code(BAD_FILE)),
            };
            let text = gather(call, parts, count)?;
            let line = text.strip_suffix(b"\n").unwrap_or(&text);
            if !text.is_empty() {
                call.log(level, line).map_err(|_| Failure::Code(BAD_FILE))?;
            }
            call.give_u32(u32::try_from(text.len()).unwrap_or(u32::MAX), written_at)
        }
        fn environ_sizes_get(call, count_at: u32, size_at: u32) {
            let variables = environment(call);
            let size: usize = variables.iter().map(Vec::len).sum();
            call.give_u32(u32::try_from(variables.len()).unwrap_or(u32::MAX), count_at)?;
            call.give_u32(u32::try_from(size).unwrap_or(u32::MAX), size_at)
        }
        fn environ_get(call, addresses_at: u32, buffer: u32) {
            let (mut address_at, mut address) = (addresses_at, buffer);
            for variable in environment(call) {
                call.write(address_at, &address.to_le_bytes())?;
                call.write(address, &variable)?;
                address_at = offset(address_at, 4)?;
                address = offset(address, variable.len())?;
            }
            Ok(())
        }
        fn args_sizes_get(call, count_at: u32, size_at: u32) {
            call.give_u32(0, count_at)?;
            call.give_u32(0, size_at)
        }
        fn args_get(_call, _addresses_at: u32, _buffer: u32) {
            Ok(())
        }
        fn sched_yield(_call) {
            Ok(())
        }
    }
    linker.func_wrap("wasi_snapshot_preview1", "proc_exit", |code: u32| {
        Err::<(), _>(Error::host(Stop::Exit(code)))
    })?;
    Ok(())
}

/// The bytes that a list of addresses and sizes names.
fn gather<H: Host>(call: &HostCall<'_, H>, parts: u32, count: u32) -> Outcome<Vec<u8>> {
    let list = call.bytes(parts, count.checked_mul(8).ok_or(Failure::OutOfBounds)?)?;
    let mut text = Vec::new();
    for part in list.chunks_exact(8) {
        if let [a, b, c, d, e, f, g, h] = *part {
            let (address, size) = ([a, b, c, d], [e, f, g, h]);
            let part = call.bytes(u32::from_le_bytes(address), u32::from_le_bytes(size))?;
            text.extend(part);
        }
    }
    Ok(text)
}

/// The variables as C has them.
fn environment<H: Host>(call: &mut HostCall<'_, H>) -> Vec<Vec<u8>> {
    let variables = call.host().environment().into_iter();
    variables.map(|(name, value)| format!("{name}={value}\0").into_bytes()).collect()
}

fn offset(address: u32, by: usize) -> Outcome<u32> {
    let by = u32::try_from(by).map_err(|_| Failure::OutOfBounds)?;
    address.checked_add(by).ok_or(Failure::OutOfBounds)
}
