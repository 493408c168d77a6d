// Terminals on node-pty, as the two servers on Node hold them: by id, for one client.
//
// Nothing is bounded and nothing waits for the client: that is what such a server has until somebody adds it.

import { createRequire } from 'node:module';

export const require = createRequire(`${process.env.BENCH_SERVERS_HOME}/server.mjs`);
const pty = require('@lydell/node-pty');

export class Terminals {
  #running = new Map();

  constructor(tell) {
    this.tell = tell; // (type, payload) => void
  }

  handle(type, { id, data, cols, rows }) {
    if (type === 'open') this.#open(id);
    else if (type === 'input') this.#running.get(id)?.write(data);
    else if (type === 'resize') this.#running.get(id)?.resize(cols, rows);
    else if (type === 'close') this.#running.get(id)?.kill();
  }

  #open(id) {
    const options = { name: 'xterm-256color', cols: 80, rows: 24, cwd: process.env.HOME, env: process.env };
    const terminal = pty.spawn('/bin/sh', [process.env.BENCH_SHELL], options);
    this.#running.set(id, terminal);
    terminal.onData((data) => this.tell('output', { id, data }));
    terminal.onExit(() => {
      this.#running.delete(id);
      this.tell('closed', { id });
    });
    this.tell('opened', { id });
  }

  end() {
    for (const terminal of this.#running.values()) terminal.kill();
  }
}

// Prints the server's address, and ends with the parent process.
export function listen(server) {
  const host = process.env.BENCH_HOST ?? '127.0.0.1';
  server.listen(0, host, () => process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`));
  process.stdin.resume().on('end', () => process.exit(0));
}
