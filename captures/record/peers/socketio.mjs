// Socket.IO.  The log is that of the WebSocket under it: the `ws` objects that
// Engine.IO uses are watched as they are made.
import { createRequire } from 'node:module';
import http from 'node:http';
import { Log, described, readSpec, now, sleep, address, nameOf } from './common.mjs';

const require = createRequire(process.env.NODE_HOME + '/');
const spec = readSpec();
const name = spec.role === 'server' ? 'socket.io' : 'socket.io-client';
const log = new Log(spec.role, `${name} ${require(name + '/package.json').version}`);
const ws = createRequire(require.resolve(spec.role === 'server' ? 'engine.io' : 'engine.io-client'))('ws');

function watch(socket, server, uri) {
  const note = (do_, more, t = now()) => log.write(t, server, uri, do_, more);
  const send = socket.send;
  let within = false;
  socket.send = function (data, ...rest) {
    note('send', described(data));
    within = true;
    try { return send.call(this, data, ...rest); } finally { within = false; }
  };
  // What goes to all at once, Engine.IO frames once and puts past `send`.
  const sender = socket._sender;
  const frame = sender?.sendFrame;
  if (frame && spec.role === 'server') {
    sender.sendFrame = function (list, ...rest) {
      const code = list[0][0] & 15;
      if (!within && code < 8) {
        const raw = Buffer.concat(list.slice(1));
        note('send', described(code === 1 ? raw.toString() : raw));
      }
      return frame.call(this, list, ...rest);
    };
  }
  const close = socket.close;
  socket.close = function (code, reason) {
    if (socket.readyState === 1) note('send', { kind: 'close', length: code ? 2 : 0, code: code ?? 1005, reason: reason ?? '' });
    return close.call(this, code, reason);
  };
  socket.prependListener('message', (data, binary) => {
    const t = now();
    note('receive', described(binary ? data : data.toString()), t);
  });
  socket.on('close', (code, reason) => note('closed', { code, reason: reason.toString() }));
}

if (spec.role === 'server') {
  class Watched extends ws.Server {
    handleUpgrade(req, socket, head, done) {
      const t = now();
      super.handleUpgrade(req, socket, head, (made) => {
        const local = nameOf(socket.localAddress, socket.localPort);
        log.write(t, local, req.url, 'open');
        watch(made, local, req.url);
        done(made);
      });
    }
  }
  const web = http.createServer();
  const io = new (require('socket.io').Server)(web, {
    wsEngine: Watched, serveClient: false, pingInterval: 1000, pingTimeout: 900 });
  io.on('connection', (socket) => {
    socket.emit('welcome', { harbour: '港口', open: true });
    socket.on('order', (order, answer) => answer({ ok: true, order, bytes: Buffer.from([1, 2, 3, 255]) }));
    socket.on('news', (n) => io.emit('news', n));
  });
  const [host, port] = address(spec.listen);
  web.listen(port, host, () => console.log('ready'));
} else {
  // Engine.IO's client makes its WebSocket itself: watch every one that connects.
  const on = ws.prototype.emit;
  const seen = new WeakSet();
  ws.prototype.emit = function (event, ...args) {
    if (event === 'upgrade' && !seen.has(this)) {
      seen.add(this);
      const { pathname, search } = new URL(this.url);
      log.write(now(), spec.sessions[0].dial, pathname + search, 'open');
      watch(this, spec.sessions[0].dial, pathname + search);
    }
    return on.call(this, event, ...args);
  };
  const { io } = require('socket.io-client');
  await Promise.all(spec.sessions.map(async (session, i) => {
    await sleep(session.after ?? 0);
    const socket = io(`http://${session.dial}`, {
      transports: session.transports, query: { c: i + 1 }, reconnection: false, forceNew: true });
    await new Promise((done) => socket.on('welcome', done));
    for (let n = 0; n < 5; n++) {
      await socket.emitWithAck('order', { n, what: 'tea', blob: Buffer.alloc(50, n) });
      socket.emit('news', `client ${i + 1}: order ${n} done`);
      await sleep(0.25);
    }
    await sleep(0.4);
    socket.disconnect();
    await sleep(0.3);
  }));
  process.exit(0);
}
