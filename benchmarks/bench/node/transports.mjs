// How each peer is spoken to: connect, open(id), input, show, shut(id), leave.
//
// A transport hears of a terminal's output by `output(id, text)`. `keepsTerminals`: they outlive the connection.
// `channelMs`: how long it took from asking for a data channel until it was open.

import { createRequire } from 'node:module';
import { performance } from 'node:perf_hooks';

import { MobiFai } from './transport_mobifai.mjs';
import { deferred, gathered, require } from './waiting.mjs';

const { io } = require('socket.io-client');
const { RTCPeerConnection } = require('@roamhq/wrtc');
// The web socket that socket.io-client itself is on.
const { WebSocket } = createRequire(require.resolve('engine.io-client'))('ws');

// Terminals by id over one connection, as pty_terminals.mjs serves them.
class Shared {
  keepsTerminals = false;
  #waiting = new Map(); // `opened ID` or `closed ID` -> deferred

  constructor({ url }, output) {
    this.url = url;
    this.output = output;
  }

  hear(type, { id, data }) {
    if (type === 'output') this.output(id, data);
    else this.#waiting.get(`${type} ${id}`)?.resolve();
  }

  async #ask(type, id, answer) {
    const waiting = deferred(`${answer} from the server`);
    this.#waiting.set(`${answer} ${id}`, waiting);
    this.send(type, { id });
    await waiting.promise;
    this.#waiting.delete(`${answer} ${id}`);
  }

  open(id) {
    return this.#ask('open', id, 'opened');
  }

  shut(id) {
    return this.#ask('close', id, 'closed');
  }

  input(id, data) {
    this.send('input', { id, data });
  }

  show() {} // everything is sent, shown or not
}

class SocketIo extends Shared {
  async connect() {
    this.socket = io(this.url, { transports: ['websocket'], reconnection: false, forceNew: true });
    for (const type of ['output', 'opened', 'closed']) this.socket.on(type, (payload) => this.hear(type, payload));
    const up = deferred('a connection');
    this.socket.once('connect', up.resolve).once('connect_error', up.reject);
    await up.promise;
  }

  send(type, payload) {
    this.socket.emit(type, payload);
  }

  leave() {
    this.socket.disconnect();
  }
}

class DataChannel extends Shared {
  async connect() {
    const asked = performance.now();
    this.connection = new RTCPeerConnection({ iceServers: [] });
    this.channel = this.connection.createDataChannel('terminal', { ordered: true });
    this.channel.onmessage = ({ data }) => {
      const { type, payload } = JSON.parse(data);
      this.hear(type, payload);
    };
    const up = deferred('an open data channel');
    this.channel.onopen = up.resolve;
    await this.connection.setLocalDescription(await this.connection.createOffer());
    await gathered(this.connection);
    const { type, sdp } = this.connection.localDescription;
    const response = await fetch(this.url, { method: 'POST', body: JSON.stringify({ type, sdp }) });
    if (!response.ok) throw new Error(`the agent's answer: ${response.status} ${await response.text()}`);
    await this.connection.setRemoteDescription(await response.json());
    await up.promise;
    this.channelMs = performance.now() - asked;
  }

  send(type, payload) {
    this.channel.send(JSON.stringify({ type, payload }));
  }

  async leave() {
    this.channel.close();
    this.connection.close();
  }
}

// A web socket for each terminal: the first one is opened by connect, and taken by the first open.
class SocketEach {
  keepsTerminals = false;
  #sockets = new Map();
  #first = null;

  constructor({ url }, output) {
    this.url = url;
    this.output = output;
  }

  async connect() {
    this.#first = await this.#socket();
  }

  async #socket() {
    const kept = { id: null, early: [], socket: new WebSocket(this.url, this.protocols, { perMessageDeflate: false }) };
    kept.socket.on('message', (data) => {
      const text = this.read(data);
      if (text === null) return;
      if (kept.id === null) kept.early.push(text);
      else this.output(kept.id, text);
    });
    const up = deferred('a web socket');
    kept.socket.once('open', up.resolve).once('error', up.reject);
    await up.promise;
    this.begin(kept.socket);
    return kept;
  }

  async open(id) {
    const kept = this.#first ?? (await this.#socket());
    this.#first = null;
    kept.id = id;
    this.#sockets.set(id, kept.socket);
    for (const text of kept.early.splice(0)) this.output(id, text);
  }

  input(id, data) {
    this.#sockets.get(id).send(this.write(data));
  }

  show() {}

  async shut(id) {
    const socket = this.#sockets.get(id);
    this.#sockets.delete(id);
    await closed(socket);
  }

  async leave() {
    const sockets = [...this.#sockets.values(), ...(this.#first ? [this.#first.socket] : [])];
    await Promise.all(sockets.map(closed));
  }
}

async function closed(socket) {
  const gone = deferred('a web socket to close');
  socket.once('close', gone.resolve);
  socket.close();
  await gone.promise;
}

class Terminado extends SocketEach {
  protocols = [];

  begin() {}

  read(data) {
    const [type, text] = JSON.parse(data.toString());
    return type === 'stdout' ? text : null;
  }

  write(data) {
    return JSON.stringify(['stdin', data]);
  }
}

class Ttyd extends SocketEach {
  protocols = ['tty'];
  #decoder = new TextDecoder('utf-8');

  begin(socket) {
    socket.send(JSON.stringify({ AuthToken: '', columns: 80, rows: 24 }));
  }

  read(data) {
    // The first byte is the kind of message: '0' is output.
    return data[0] === 0x30 ? this.#decoder.decode(data.subarray(1), { stream: true }) : null;
  }

  write(data) {
    return Buffer.from(`0${data}`);
  }
}

const KINDS = { mobifai: MobiFai, socketio: SocketIo, wrtc: DataChannel, terminado: Terminado, ttyd: Ttyd };

export const transportOf = (options, output) => new KINDS[options.kind](options, output);
