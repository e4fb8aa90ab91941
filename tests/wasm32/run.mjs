#!/usr/bin/env -S node --no-warnings
// Runs the tests in a program that was built for wasm32-wasip1: cargo's runner for that target, named
// in .cargo/config.toml. README.md says what it does and why.

import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';

// What a host answers that lacks a function (proxy-wasm ABI 0.2.1), as natively where a test has
// installed none.
const UNIMPLEMENTED = 12;

const STDOUT = 1;
const STDERR = 2;

const [path, ...given] = process.argv.slice(2);
const program = new WebAssembly.Module(readFileSync(path));

// Runs the program in a VM of its own. There is no `code` when it trapped.
function run(args) {
  const wasi = new WASI({
    version: 'preview1',
    args: [path, ...args],
    env: process.env,
    returnOnExit: true,
  });
  const { wasiImport } = wasi;
  const written = [];
  let memory;

  // Both streams go to `written`, in order.
  function write(pieces, count, size) {
    const view = new DataView(memory.buffer);
    let total = 0;
    for (let piece = pieces; piece < pieces + 8 * count; piece += 8) {
      const [start, length] = [view.getUint32(piece, true), view.getUint32(piece + 4, true)];
      written.push(Buffer.from(memory.buffer.slice(start, start + length)));
      total += length;
    }
    view.setUint32(size, total, true);
    return 0;
  }

  const imports = {
    wasi_snapshot_preview1: {
      ...wasiImport,
      fd_write: (fd, ...rest) =>
        fd === STDOUT || fd === STDERR ? write(...rest) : wasiImport.fd_write(fd, ...rest),
    },
    env: {},
  };
  for (const { module, name } of WebAssembly.Module.imports(program)) {
    if (module === 'env') imports.env[name] = () => UNIMPLEMENTED;
  }

  const { exports } = new WebAssembly.Instance(program, imports);
  memory = exports.memory;
  const ended = (code) => ({ code, output: Buffer.concat(written).toString() });
  try {
    // A filter's tests export its `_initialize` as well, for which Node would take them for a library.
    return ended(wasi.start({ exports: { memory, _start: exports._start } }));
  } catch (trap) {
    if (!(trap instanceof WebAssembly.RuntimeError || trap instanceof RangeError)) throw trap;
    // After a panic, which has said where it was, there is nothing to learn from the stack.
    written.push(Buffer.from(trap.message === 'unreachable' ? '' : `${trap.stack}\n`));
    return ended(undefined);
  }
}

// The names of the tests that the arguments select; nothing when the program refuses them.
function select() {
  const { code, output } = run([...given, '--list', '--format', 'terse']);
  if (code !== 0) return undefined;
  const suffix = ': test';
  const lines = output.split('\n').filter((line) => line.endsWith(suffix));
  return lines.map((line) => line.slice(0, -suffix.length));
}

// Runs one test: its result in the words of Rust's harness, and what it has said.
function test(name) {
  const flags = ['--exact', '--nocapture'].filter((flag) => !given.includes(flag));
  const { code, output } = run([...given, ...flags, name]);
  const [end, passed, ignored] =
    /(?:ok|ignored[^\n]*)\n\ntest result: ok\. (\d) passed; 0 failed; (\d) ignored.*$/s.exec(output) ?? [];
  const said = output.slice(0, end && -end.length).replace(/^\nrunning 1 test\ntest .* \.\.\. \n?/, '');
  if (code !== 0) return { result: 'FAILED', said };
  if (!end) return { result: 'FAILED', said: `${said}it has ended the program\n` };
  return { result: passed === '1' ? 'ok' : 'ignored', said };
}

// Runs tests, and says so as Rust's harness does: `cargo xtask test` reads it.
function testAll(names) {
  const start = performance.now();
  const counts = { ok: 0, FAILED: 0, ignored: 0 };
  const failures = [];
  console.log(`\nrunning ${names.length} tests on wasm32 (Node ${process.version})`);
  for (const name of names) {
    const { result, said } = test(name);
    counts[result] += 1;
    console.log(`test ${name} ... ${result}`);
    if (result === 'FAILED') failures.push(`---- ${name} ----\n${said}`);
    else if (said && given.includes('--nocapture')) console.log(said);
  }
  if (failures.length > 0) console.log(`\nfailures:\n\n${failures.join('\n')}`);
  const { ok, FAILED, ignored } = counts;
  const seconds = ((performance.now() - start) / 1000).toFixed(2);
  console.log(
    `\ntest result: ${FAILED ? 'FAILED' : 'ok'}. ${ok} passed; ${FAILED} failed; ${ignored} ignored; ` +
      `0 measured; finished in ${seconds}s\n`,
  );
  return FAILED ? 101 : 0;
}

// Shows what the program itself answers.
function pass() {
  const { code, output } = run(given);
  process.stdout.write(output);
  return code ?? 101;
}

const asksOnly = given.some((argument) => ['--list', '--help', '-h'].includes(argument));
const names = asksOnly ? undefined : select();
process.exitCode = names ? testAll(names) : pass();
