// A client made of the WebSocket that browsers also have: undici's ("api": "undici")
// or the one built into Node ("api": "node", which is undici too, as shipped).
import { createRequire } from 'node:module';
import { Log, described, payloadOf, readSpec, now, sleep } from './common.mjs';

const require = createRequire(process.env.NODE_HOME + '/');
const spec = readSpec();
const builtin = spec.api === 'node';
const WebSocket = builtin ? globalThis.WebSocket : require('undici').WebSocket;
const log = new Log('client', builtin ? `Node ${process.versions.node} WebSocket`
  : 'undici ' + require('undici/package.json').version);

async function play(session) {
  await sleep(session.after ?? 0);
  const note = (do_, more = {}, t = now()) => log.write(t, session.dial, session.uri, do_, more);
  let got = 0, waiting = [];
  const wake = () => { const w = waiting; waiting = []; for (const f of w) f(); };
  const ws = new WebSocket(`ws://${session.dial}${session.uri}`, session.subprotocols ?? []);
  ws.binaryType = 'arraybuffer';
  ws.onmessage = (e) => {
    const t = now();
    note('receive', described(typeof e.data === 'string' ? e.data : Buffer.from(e.data)), t);
    got++;
    wake();
  };
  const closed = new Promise((done) => {
    ws.onclose = (e) => {
      note('closed', { code: e.code, reason: e.reason, clean: e.wasClean });
      wake();
      done();
    };
  });
  ws.onerror = (e) => note('error', { text: String(e.message ?? 'error event') });
  await new Promise((done) => { ws.onopen = done; });
  note('open', { subprotocol: ws.protocol || undefined, extensions: ws.extensions || undefined });
  for (const [name, ...args] of session.steps) {
    if (name === 'send') {
      const message = payloadOf(args[0]);
      note('send', described(message));
      ws.send(message);
    } else if (name === 'sleep') await sleep(args[0]);
    else if (name === 'recv') while (got < args[0] && ws.readyState !== 3) await new Promise((f) => waiting.push(f));
    else if (name === 'close') {
      const [code, reason] = args;
      note('send', { kind: 'close', length: 2 + Buffer.byteLength(reason), code, reason });
      ws.close(code, reason);
    }
  }
  await closed;
}

await Promise.all(spec.sessions.map(play));
process.exit(0);
