// node-pty behind a data channel of libwebrtc, as short as such an agent can be.
//
// Signalling is one request: an offer with its candidates is posted, the answer with its candidates comes back.

import { createServer } from 'node:http';

import { listen, require, Terminals } from './pty_terminals.mjs';

const { RTCPeerConnection } = require('@roamhq/wrtc');

const GATHERING_MS = 3000;
const FRAME = 60_000; // characters; a channel takes 65,536 bytes in one message for certain, 262,144 between two libwebrtcs

async function answer(offer) {
  const connection = new RTCPeerConnection({ iceServers: [] });
  let terminals = null;
  const end = () => {
    terminals?.end();
    terminals = null;
    connection.close();
  };
  connection.ondatachannel = ({ channel }) => {
    terminals = serve(channel);
    channel.onclose = end;
  };
  connection.onconnectionstatechange = () => {
    if (['failed', 'closed', 'disconnected'].includes(connection.connectionState)) end();
  };
  await connection.setRemoteDescription(offer);
  await connection.setLocalDescription(await connection.createAnswer());
  await gathered(connection);
  const { type, sdp } = connection.localDescription;
  return { type, sdp };
}

function serve(channel) {
  const send = (type, payload) => {
    if (channel.readyState === 'open') channel.send(JSON.stringify({ type, payload }));
  };
  const terminals = new Terminals((type, payload) => {
    const { data } = payload;
    if (type !== 'output' || data.length <= FRAME) return send(type, payload);
    for (let at = 0; at < data.length; at += FRAME) send(type, { ...payload, data: data.slice(at, at + FRAME) });
    return undefined;
  });
  channel.onmessage = ({ data }) => {
    const { type, payload } = JSON.parse(data);
    terminals.handle(type, payload);
  };
  return terminals;
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

async function take(request, response) {
  let body = '';
  for await (const part of request) body += part;
  try {
    response.end(JSON.stringify(await answer(JSON.parse(body))));
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}

listen(createServer(take));
