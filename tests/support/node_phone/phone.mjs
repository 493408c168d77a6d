// The phone of the tests on the libraries that the legacy apps use: socket.io-client, libwebrtc, elliptic.
//
// Commands come as JSON lines on standard input: {id, command, ...}; each is answered with {id, value} or {id, error}.
// It prints events as {event, payload, path} and {state: {relay, channel}}. It keeps nothing but its connections:
// what a phone remembers is on the other side of the pipe. Ends when standard input does.

import { createHmac } from 'node:crypto';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(`${process.env.NODE_PHONE_HOME}/phone.mjs`);
const { io } = require('socket.io-client');
const { RTCPeerConnection } = require('@roamhq/wrtc');
const curve = new (require('elliptic').ec)('secp256k1');

const GATHERING_MS = 3000;
const EARLY_CANDIDATES = 64;

let identity = null;
let socket = null;
let peer = null; // {connection, channel}
let early = []; // candidates that came before their offer
let webrtc = true;
let secret = Buffer.alloc(0);
let challenge = null;

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const tellState = () => say({ state: { relay: socket?.connected ?? false, channel: channelIsOpen() } });
const channelIsOpen = () => peer?.channel?.readyState === 'open';
const complain = (error) => say({ event: 'error', payload: { message: String(error?.message ?? error) }, path: 'phone' });

// ---- the relay

function connect({ url, token }) {
  dropRelay();
  const connecting = io(url, { transports: ['websocket'], auth: { token }, reconnection: false, forceNew: true });
  socket = connecting;
  connecting.onAny((event, payload) => heard(event, payload));
  connecting.on('disconnect', tellState);
  return new Promise((resolve, reject) => {
    connecting.once('connect', () => resolve(tellState()));
    connecting.once('connect_error', (error) => {
      connecting.disconnect();
      reject(error);
    });
  });
}

function heard(event, payload) {
  say({ event, payload, path: 'relay' });
  const act = signals[event];
  if (act) inOrder(() => act(payload));
}

function emit({ event, payload }) {
  if (!socket?.connected) throw new Error(`there is no connection to the relay; ${event} was not sent`);
  socket.emit(event, payload);
}

function register({ deviceId, deviceName, token, features }) {
  const publicKey = identity.getPublic(false, 'hex');
  const listed = features.length ? { features } : {}; // a legacy app lists none
  const who = { type: 'mobile', token: token ?? undefined, deviceId, deviceName, publicKey };
  emit({ event: 'register', payload: { ...who, ...listed } });
}

function dropRelay() {
  socket?.disconnect();
  socket = null;
  tellState();
}

// ---- handshakes and offers, one after the other

let turn = Promise.resolve();
const inOrder = (act) => {
  turn = turn.then(act).catch(complain);
};

const signals = {
  'handshake:initiate': respond,
  'handshake:verify': confirm,
  'webrtc:offer': ({ offer }) => webrtc && accept(offer),
  'webrtc:ice-candidate': ({ candidate }) => webrtc && addCandidate(candidate),
};

const hmac = (key, text) => createHmac('sha256', key).update(text).digest('hex');

function respond({ peerId, peerPublicKey, challenge: mine, peerChallenge }) {
  const theirs = curve.keyFromPublic(peerPublicKey, 'hex').getPublic();
  // A number written in hex: its leading zero bytes are gone, as with some apps.
  secret = Buffer.from(identity.derive(theirs).toString(16, 2), 'hex');
  challenge = peerChallenge ?? null;
  emit({ event: 'handshake:response', payload: { peerId, signature: hmac(secret, mine) } });
}

function confirm({ peerId, signature }) {
  if (challenge !== null) {
    const full = Buffer.concat([Buffer.alloc(32 - secret.length), secret]);
    const verified = [secret, full].some((key) => hmac(key, challenge) === signature.toLowerCase());
    say({ verified });
    if (!verified) {
      emit({ event: 'error', payload: { message: "the agent's signature does not match its key" } });
      throw new Error("expected the agent's signature over its challenge; found another");
    }
  }
  emit({ event: 'handshake:confirmed', payload: { peerId } });
}

// ---- the data channel

async function accept(offer) {
  dropPeer();
  const connection = new RTCPeerConnection({ iceServers: [] });
  const mine = { connection, channel: null };
  peer = mine;
  connection.onicecandidate = ({ candidate }) => candidate && peer === mine && sendCandidate(candidate);
  connection.ondatachannel = ({ channel }) => peer === mine && takeChannel(mine, channel);
  connection.onconnectionstatechange = () => {
    if (peer === mine && ['failed', 'closed'].includes(connection.connectionState)) dropChannel();
  };
  await connection.setRemoteDescription(offer);
  for (const candidate of early.splice(0)) await connection.addIceCandidate(candidate);
  await connection.setLocalDescription(await connection.createAnswer());
  await gathered(connection);
  if (peer !== mine) return;
  const { type, sdp } = connection.localDescription;
  emit({ event: 'webrtc:answer', payload: { answer: { type, sdp } } });
}

function sendCandidate({ candidate, sdpMid, sdpMLineIndex }) {
  if (socket?.connected) emit({ event: 'webrtc:ice-candidate', payload: { candidate: { candidate, sdpMid, sdpMLineIndex } } });
}

function gathered(connection) {
  if (connection.iceGatheringState === 'complete') return undefined;
  return new Promise((resolve) => {
    const limit = setTimeout(resolve, GATHERING_MS);
    connection.onicegatheringstatechange = () => {
      if (connection.iceGatheringState !== 'complete') return;
      clearTimeout(limit);
      resolve();
    };
  });
}

async function addCandidate(candidate) {
  if (peer) await peer.connection.addIceCandidate(candidate ?? undefined);
  else early = [...early, candidate].slice(-EARLY_CANDIDATES);
}

function takeChannel(mine, channel) {
  if (channel.label !== 'terminal') return;
  mine.channel = channel;
  channel.onmessage = ({ data }) => {
    if (typeof data !== 'string') return; // an app reads only text
    const { type, payload } = JSON.parse(data);
    say({ event: type, payload, path: 'channel' });
  };
  channel.onopen = tellState;
  channel.onclose = () => peer === mine && dropChannel();
  tellState();
}

function sendFrame({ frame }) {
  if (!channelIsOpen()) throw new Error('the data channel is not open');
  peer.channel.send(JSON.stringify(frame));
}

function dropPeer() {
  peer?.connection.close();
  peer = null;
}

function dropChannel() {
  dropPeer();
  early = [];
  tellState();
}

// ---- commands

const commands = {
  setUp({ secret: hex, answersOffers }) {
    identity = curve.keyFromPrivate(hex, 'hex');
    webrtc = answersOffers;
  },
  connect,
  register,
  emit,
  sendFrame,
  dropRelay,
  dropChannel,
};

async function obey(line) {
  const { id, command, ...options } = JSON.parse(line);
  try {
    say({ id, value: (await commands[command](options)) ?? null });
  } catch (error) {
    say({ id, error: String(error?.message ?? error) });
  }
}

createInterface({ input: process.stdin })
  .on('line', obey)
  .on('close', () => {
    dropPeer();
    socket?.disconnect();
    process.exit(0);
  });
