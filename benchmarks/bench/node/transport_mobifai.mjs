// MobiFai as its phones speak to it: Socket.IO to its relay, then a data channel, or the relay alone.

import { createHmac, randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';

import { Places } from './places.mjs';
import { deferred, gathered, require } from './waiting.mjs';

const { io } = require('socket.io-client');
const { RTCPeerConnection } = require('@roamhq/wrtc');
const curve = new (require('elliptic').ec)('secp256k1');

const hmac = (key, text) => createHmac('sha256', key).update(text).digest('hex');

// A phone's state between two connections.
const identity = curve.genKeyPair();
const deviceId = randomUUID();
const places = new Places();

export class MobiFai {
  keepsTerminals = true;
  #socket = null;
  #connection = null;
  #channel = null;
  #early = [];
  #paired = deferred('to be paired');
  #usable = deferred('an open data channel');
  #waiting = new Map();
  #turn = Promise.resolve();
  #asked = 0;

  constructor({ url, token, target, webrtc }, output) {
    Object.assign(this, { url, token, target, webrtc, output });
  }

  async connect() {
    const up = deferred('a connection to the relay');
    this.#socket = io(this.url, {
      transports: ['websocket'],
      auth: { token: this.token },
      reconnection: false,
      forceNew: true,
    });
    this.#socket.once('connect', up.resolve).once('connect_error', up.reject);
    this.#socket.onAny((event, payload) => this.#fromRelay(event, payload));
    await up.promise;
    const publicKey = identity.getPublic(false, 'hex');
    const who = { type: 'mobile', token: this.token, deviceId, deviceName: 'benchmark', publicKey };
    this.#socket.emit('register', { ...who, features: places.features });
    await this.#paired.promise;
    if (this.webrtc) await this.#usable.promise;
  }

  #fromRelay(event, payload) {
    const act = this.#signals[event];
    if (act) this.#turn = this.#turn.then(() => act(payload)).catch((error) => this.#fail(error));
    else this.#hear(event, payload, 'relay');
  }

  #fail(error) {
    this.#paired.reject(error);
    this.#usable.reject(error);
  }

  #signals = {
    // The list comes again when the agent is there; what is refused before is asked for again.
    available_devices: (devices) => {
      if (!devices.some(({ deviceId: id }) => id === this.target)) return;
      this.#asked = performance.now();
      this.#socket.emit('request_connection', { targetDeviceId: this.target });
    },
    'handshake:initiate': ({ peerId, peerPublicKey, challenge }) => {
      const theirs = curve.keyFromPublic(peerPublicKey, 'hex').getPublic();
      const secret = Buffer.from(identity.derive(theirs).toString(16, 64), 'hex');
      this.#socket.emit('handshake:response', { peerId, signature: hmac(secret, challenge) });
    },
    'handshake:verify': ({ peerId }) => this.#socket.emit('handshake:confirmed', { peerId }),
    paired: () => this.#paired.resolve(),
    login_required: () => this.#fail(new Error('the relay asks for a sign-in')),
    auth_error: ({ message }) => this.#fail(new Error(message)),
    'webrtc:offer': ({ offer }) => this.webrtc && this.#accept(offer),
    'webrtc:ice-candidate': ({ candidate }) => this.webrtc && this.#candidate(candidate),
  };

  async #accept(offer) {
    this.#connection?.close();
    const connection = new RTCPeerConnection({ iceServers: [] });
    this.#connection = connection;
    connection.ondatachannel = ({ channel }) => this.#take(channel);
    await connection.setRemoteDescription(offer);
    for (const candidate of this.#early.splice(0)) await connection.addIceCandidate(candidate);
    await connection.setLocalDescription(await connection.createAnswer());
    await gathered(connection);
    const { type, sdp } = connection.localDescription;
    this.#socket.emit('webrtc:answer', { answer: { type, sdp } });
  }

  async #candidate(candidate) {
    if (this.#connection) await this.#connection.addIceCandidate(candidate ?? undefined);
    else this.#early.push(candidate);
  }

  #take(channel) {
    this.#channel = channel;
    channel.onmessage = ({ data }) => {
      const { type, payload } = JSON.parse(data);
      this.#hear(type, payload, 'channel');
    };
    const open = () => {
      this.channelMs ??= performance.now() - this.#asked;
      this.#usable.resolve();
    };
    channel.onopen = open;
    if (channel.readyState === 'open') open();
  }

  #hear(type, payload, path) {
    if (type === 'terminal:output' || type === 'process:screen') this.#show(type, payload, path);
    else if (type === 'processes:sync') this.#answer(places.sync(payload, path), path);
    else if (type === 'process:error') this.#waiting.get(payload.uuid)?.reject(new Error(payload.error));
    else if (type === 'process:created' || type === 'process:terminated') this.#waiting.get(payload.uuid)?.resolve();
  }

  #show(type, payload, path) {
    const [shown, answers] = places.take(type, payload, path);
    if (shown) this.output(payload.uuid, payload.data);
    this.#answer(answers, path);
  }

  #answer(answers, path) {
    for (const [action, payload] of answers) this.#send(action, payload, path);
  }

  #send(action, payload, path = this.#channel ? 'channel' : 'relay') {
    if (path === 'channel') this.#channel.send(JSON.stringify({ namespace: 'terminal', action, payload }));
    else this.#socket.emit(action, payload);
  }

  async #ask(action, uuid, more = {}) {
    const waiting = deferred(`an answer to ${action}`);
    this.#waiting.set(uuid, waiting);
    this.#send(action, { uuid, ...more });
    await waiting.promise;
    this.#waiting.delete(uuid);
  }

  open(id) {
    return this.#ask('process:create', id, { cols: 80, rows: 24 });
  }

  shut(id) {
    return this.#ask('process:terminate', id);
  }

  input(id, data) {
    this.#send('terminal:input', { uuid: id, data });
  }

  show(ids) {
    this.#send('process:switch', { activeUuids: ids });
  }

  async leave() {
    this.#connection?.close();
    this.#socket?.disconnect();
  }
}
