// node-pty behind Socket.IO, as short as such a server can be.

import { createServer } from 'node:http';

import { listen, require, Terminals } from './pty_terminals.mjs';

const { Server } = require('socket.io');

const http = createServer();
const io = new Server(http, { serveClient: false, maxHttpBufferSize: 1 << 20 });

io.on('connection', (socket) => {
  const terminals = new Terminals((type, payload) => socket.emit(type, payload));
  for (const type of ['open', 'input', 'resize', 'close']) socket.on(type, (payload) => terminals.handle(type, payload));
  socket.on('disconnect', () => terminals.end());
});

listen(http);
