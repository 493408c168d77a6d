// The client of every peer: runs commands from standard input, and times them.
//
// Commands come as JSON lines, {id, command, ...}; each is answered with {id, value} or {id, error}. How a peer is
// spoken to is in transports.mjs; everything here is the same for all of them. Ends when standard input does.

import { createHash, randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { performance } from 'node:perf_hooks';

import { transportOf } from './transports.mjs';

const PROMPT = '\x1e'; // how the prompt of shell.sh begins
const [BEGIN, END] = ['\x01', '\x02']; // around the bytes of a file
const OPEN_MS = 30_000;
const ECHO_MS = 20_000;
const FILE_MS = 180_000;
const FLOOD = 'yes 0123456789-abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghijklmnopqrstuvwxyz\r';
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz';

let transport = null;
let options = null;
const terminals = new Map(); // id -> {received, hear}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function output(id, data) {
  const terminal = terminals.get(id);
  if (!terminal) return;
  terminal.received += data.length;
  terminal.hear?.(data);
}

// What comes from a terminal until `wanted(data)` is true; rejects when that takes too long.
function until(id, what, ms, wanted) {
  const terminal = terminals.get(id);
  return new Promise((resolve, reject) => {
    const over = (end, value) => {
      clearTimeout(limit);
      terminal.hear = null;
      end(value);
    };
    const limit = setTimeout(() => over(reject, new Error(`expected ${what} within ${ms / 1000} s`)), ms);
    terminal.hear = (data) => wanted(data) && over(resolve);
  });
}

const prompt = (id, ms = OPEN_MS) => until(id, 'a prompt', ms, (data) => data.includes(PROMPT));

async function open() {
  const id = randomUUID();
  terminals.set(id, { received: 0, hear: null });
  const ready = prompt(id);
  ready.catch(() => {}); // thrown below, unless opening fails first
  await transport.open(id);
  await ready;
  return id;
}

async function shut(id) {
  await transport.shut(id);
  terminals.delete(id);
}

// ---- one thing after the other, timed

async function timed(act) {
  const start = performance.now();
  const value = await act();
  return { ms: performance.now() - start, value };
}

async function echo(id, count) {
  const times = [];
  for (let at = 0; at < count; at += 1) {
    await pause(2 + ((at * 7) % 11)); // not in step with anything that sends by the clock
    const letter = ALPHABET[at % ALPHABET.length];
    const came = until(id, `the echo of key ${at + 1} of ${count}`, ECHO_MS, (data) => data.includes(letter));
    const { ms } = await timed(() => {
      transport.input(id, letter);
      return came;
    });
    times.push(ms);
  }
  await interrupt(id);
  return times;
}

async function interrupt(id) {
  const ready = prompt(id);
  const { ms } = await timed(() => {
    transport.input(id, '\x03');
    return ready;
  });
  return ms;
}

// The same, with the characters that came in between.
async function interruptCounted(id) {
  const before = terminals.get(id).received;
  const ms = await interrupt(id);
  return { ms, characters: terminals.get(id).received - before };
}

async function received(id, bytes, ms = OPEN_MS) {
  const goal = terminals.get(id).received + bytes;
  await until(id, `${bytes} characters of a flood`, ms, () => terminals.get(id).received >= goal);
}

async function file(id, path) {
  const seen = { hash: createHash('sha256'), bytes: 0, started: false };
  const take = (data) => {
    const begin = seen.started ? 0 : data.indexOf(BEGIN) + 1;
    if (!seen.started && begin === 0) return false;
    seen.started = true;
    const end = data.indexOf(END, begin);
    const part = Buffer.from(data.slice(begin, end < 0 ? undefined : end), 'utf8');
    seen.hash.update(part);
    seen.bytes += part.length;
    return end >= 0;
  };
  const came = until(id, 'the end of the file', FILE_MS, take);
  const { ms } = await timed(() => {
    transport.input(id, `stty raw -echo; printf '\\001'; cat '${path}'; printf '\\002'; stty sane\r`);
    return came;
  });
  return { ms, bytes: seen.bytes, sha256: seen.hash.digest('hex') };
}

// ---- coming and going

async function connect() {
  transport = transportOf(options, output);
  await transport.connect();
}

async function leave() {
  await transport?.leave();
  transport = null;
  terminals.clear();
}

// From nothing to the prompt of a new terminal, and, where there is a data channel, from asking for it until it is open.
async function timeConnects(count) {
  const [prompts, channels] = [[], []];
  for (let at = 0; at < count; at += 1) {
    const { ms, value } = await timed(async () => {
      await connect();
      return open();
    });
    prompts.push(ms);
    if (transport.channelMs !== undefined) channels.push(transport.channelMs);
    await shut(value);
    await leave();
  }
  return { prompts, channels };
}

// Go and come back, `count` times; where a terminal outlives its client, the same one is there again.
async function reconnect(count) {
  for (let at = 0; at < count; at += 1) {
    const kept = transport.keepsTerminals;
    const before = [...terminals.keys()];
    await leave();
    await connect();
    if (!kept) await open();
    else {
      for (const id of before) terminals.set(id, { received: 0, hear: null });
      await transport.show(before);
      if (before.length > 0) await interrupt(before[0]);
    }
  }
  return [...terminals.keys()];
}

async function churn(count) {
  for (let at = 0; at < count; at += 1) await shut(await open());
}

async function openMany(count) {
  const ids = [];
  for (let at = 0; at < count; at += 1) ids.push(await open());
  return ids;
}

// ---- commands

const commands = {
  setUp: (given) => {
    options = given;
  },
  connect,
  leave,
  openMany: ({ count }) => openMany(count),
  shut: ({ terminal }) => shut(terminal),
  show: ({ terminals: ids }) => transport.show(ids),
  timeConnects: ({ count }) => timeConnects(count),
  reconnect: ({ count }) => reconnect(count),
  churn: ({ count }) => churn(count),
  echo: ({ terminal, count }) => echo(terminal, count),
  flood: async ({ terminal, bytes }) => {
    const going = received(terminal, bytes);
    transport.input(terminal, FLOOD);
    await going;
  },
  floodUnseen: ({ terminal }) => transport.input(terminal, FLOOD),
  receive: ({ terminal, bytes }) => received(terminal, bytes),
  interrupt: ({ terminal }) => interrupt(terminal),
  interruptCounted: ({ terminal }) => interruptCounted(terminal),
  received: ({ terminal }) => terminals.get(terminal).received,
  file: ({ terminal, path }) => file(terminal, path),
};

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

async function obey(line) {
  const { id, command, ...given } = JSON.parse(line);
  try {
    say({ id, value: (await commands[command](given)) ?? null });
  } catch (error) {
    say({ id, error: String(error?.message ?? error) });
  }
}

createInterface({ input: process.stdin })
  .on('line', obey)
  .on('close', () => process.exit(0));
