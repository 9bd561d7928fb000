// A WebSocket server or client made of Node's `ws`.
import { createRequire } from 'node:module';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { connect } from 'node:tls';
import { Log, described, payloadOf, readSpec, now, sleep, address, nameOf } from './common.mjs';

const require = createRequire(process.env.NODE_HOME + '/');
const spec = readSpec();
const { WebSocket, WebSocketServer } = require('ws');
const log = new Log(spec.role, 'node ws ' + require('ws/package.json').version);

function runSession(ws, session, server, uri, opened, extensions) {
  const note = (do_, more = {}, t = now()) => log.write(t, server, uri, do_, more);
  note('open', { subprotocol: ws.protocol || undefined, extensions }, opened);
  let got = 0;
  let waiting = [];
  const wake = () => { const w = waiting; waiting = []; for (const f of w) f(); };
  const until = async (test) => { while (!test() && ws.readyState !== 3) await new Promise((f) => waiting.push(f)); };

  const send = (message) => {
    note('send', described(message));
    ws.send(message);
  };
  ws.on('message', (data, binary) => {
    const t = now();
    const message = binary ? data : data.toString();
    note('receive', described(message), t);
    got++;
    wake();
    if (session.echo) send(message);
  });
  for (const kind of ['ping', 'pong']) {
    ws.on(kind, (data) => { const t = now(); note('receive', described(data, kind), t); wake(); });
  }
  let pongs = 0;
  ws.on('pong', () => { pongs++; wake(); });
  ws.on('error', (e) => note('error', { text: String(e.message) }));
  const closed = new Promise((done) => ws.on('close', (code, reason) => {
    note('closed', { code, reason: reason.toString() });
    wake();
    done();
  }));

  const fragments = async (parts, pause) => {
    parts = parts.map(payloadOf);
    const whole = typeof parts[0] === 'string' ? parts.join('') : Buffer.concat(parts);
    note('send', described(whole));
    for (let i = 0; i < parts.length; i++) {
      if (i) await sleep(pause);
      ws.send(parts[i], { fin: i === parts.length - 1, binary: typeof parts[i] !== 'string' });
    }
  };

  const steps = async () => {
    for (const [name, ...args] of session.steps ?? []) {
      if (ws.readyState === 3) return;
      if (name === 'send') send(payloadOf(args[0]));
      else if (name === 'frag') await fragments(args[0], args[1]);
      else if (name === 'ping') {
        const want = pongs + 1;
        const data = Buffer.from(args[0]);
        note('send', described(data, 'ping'));
        ws.ping(data);
        if (args.length < 2) await until(() => pongs >= want);
      } else if (name === 'sleep') await sleep(args[0]);
      else if (name === 'recv') await until(() => got >= args[0]);
      else if (name === 'close') {
        const [code, reason] = args;
        if (code === null) {
          note('send', { kind: 'close', length: 0, code: 1005, reason: '' });
          ws.close();
        } else {
          note('send', { kind: 'close', length: 2 + Buffer.byteLength(reason), code, reason });
          ws.close(code, reason);
        }
      } else if (name === 'reset') { note('reset'); ws._socket.resetAndDestroy(); }
      else if (name === 'kill') { note('killed'); process.kill(process.pid, 'SIGKILL'); }
      else if (name === 'deaf') ws._socket.pause();
    }
  };
  return Promise.all([steps(), closed]);
}

function server() {
  const [host, port] = address(spec.listen);
  const uris = new WeakMap();
  const wss = new WebSocketServer({
    noServer: true,
    perMessageDeflate: spec.deflate ?? false,
    maxPayload: 1 << 28,
    handleProtocols: (offered) => (spec.subprotocols ?? []).find((p) => offered.has(p)) ?? false,
  });
  const tls = spec.tls && { ...spec.tls, key: fs.readFileSync(spec.tls.key), cert: fs.readFileSync(spec.tls.cert) };
  const web = (tls ? https : http).createServer(tls ?? {}, (req, res) => {
    // a plain request, not an upgrade
    const [status, headers, body] = spec.pages?.[req.url] ?? [404, {}, 'no such page\n'];
    res.writeHead(status, headers);
    res.end(body);
  });
  web.on('upgrade', (req, socket, head) => {
    const local = nameOf(socket.localAddress, socket.localPort);
    if (spec.keepalive) socket.setKeepAlive(true, spec.keepalive[0] * 1000);
    for (const [prefix, [status, headers, body]] of Object.entries(spec.refuse ?? {})) {
      if (!req.url.startsWith(prefix)) continue;
      log.write(now(), local, req.url, 'refused', { status });
      const lines = [`HTTP/1.1 ${status} ${http.STATUS_CODES[status]}`,
        ...headers.map(([k, v]) => `${k}: ${v}`), `Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close'];
      return socket.end(lines.join('\r\n') + '\r\n\r\n' + body);
    }
    let answer;
    wss.once('headers', (headers) => {
      answer = headers.map((h) => /^sec-websocket-extensions: (.*)$/i.exec(h)?.[1]).find(Boolean);
    });
    const t = now();
    wss.handleUpgrade(req, socket, head, (ws) => {
      const sessions = spec.sessions ?? {};
      runSession(ws, sessions[req.url] ?? sessions['*'] ?? { echo: true }, local, req.url, t, answer);
    });
  });
  // PROXY protocol: take the header off, then hand the connection on.
  const front = !spec.proxy_protocol ? web : net.createServer((socket) => {
    socket.once('readable', () => {
      let head = socket.read();
      let end;
      if (head.subarray(0, 12).equals(Buffer.from('0d0a0d0a000d0a515549540a', 'hex'))) end = 16 + head.readUInt16BE(14);
      else end = head.indexOf('\r\n') + 2;
      if (head.length > end) socket.unshift(head.subarray(end));
      web.emit('connection', socket);
    });
  });
  front.listen(port, host, () => console.log('ready'));
}

const tickets = [];

async function client(session) {
  await sleep(session.after ?? 0);
  const options = {
    perMessageDeflate: session.deflate ?? false,
    headers: session.headers,
    maxPayload: 1 << 28,
    localAddress: session.bind && address(session.bind)[0],
    localPort: session.bind && address(session.bind)[1],
    protocolVersion: session.version ?? 13,
  };
  const { keylog, resume, ...tls } = session.tls ?? {};
  if (session.tls) {
    Object.assign(options, tls, { rejectUnauthorized: false, servername: 'wscope.test' });
    if (resume && tickets.length) options.session = tickets.at(-1);
    options.createConnection = (o) => {
      const socket = connect({ ...o, path: undefined });
      if (keylog) socket.on('keylog', (line) => fs.appendFileSync(keylog, line));
      socket.on('session', (ticket) => tickets.push(ticket));
      return socket;
    };
  }
  const url = `${session.tls ? 'wss' : 'ws'}://${session.host ?? session.dial}${session.uri}`;
  const ws = new WebSocket(url, session.subprotocols ?? [], options);
  let opened, extensions, done;
  const finished = new Promise((f) => { done = f; });
  ws.on('upgrade', (res) => {
    opened = now();
    extensions = res.headers['sec-websocket-extensions'];
  });
  ws.on('open', () => done(runSession(ws, session, session.dial, session.uri, opened, extensions)));
  ws.on('unexpected-response', (req, res) => {
    log.write(now(), session.dial, session.uri, 'refused', { status: res.statusCode });
    res.resume();
    res.on('end', () => done());
    res.on('close', () => done());
    setTimeout(done, 500);
  });
  ws.on('error', (e) => {
    if (!opened) log.write(now(), session.dial, session.uri, 'error', { text: e.message });
    if (!opened) done();
  });
  await finished;
}

if (spec.role === 'server') server();
else {
  if (spec.one_by_one) for (const session of spec.sessions) await client(session);
  else await Promise.all(spec.sessions.map(client));
  process.exit(0);
}
