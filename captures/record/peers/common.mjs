// What the Node peers share; see common.py for the session script.
import { appendFileSync, readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';

// The wall clock with microseconds: `performance` set against the ticks of Date.now().
let offset = -Infinity;
for (let i = 0; i < 5; i++) {
  const start = Date.now();
  let tick;
  while ((tick = Date.now()) === start);
  offset = Math.max(offset, tick - performance.now());
}
export const now = () => (offset + performance.now()) / 1000;
export const sleep = (s) => new Promise((done) => setTimeout(done, s * 1000));

export class Log {
  constructor(who, program) {
    this.who = who;
    this.program = program;
  }

  write(t, server, uri, do_, more = {}) {
    const line = { t: Math.round(t * 1e6) / 1e6, who: this.who, program: this.program, server, uri, do: do_, ...more };
    appendFileSync(process.env.WSLOG, JSON.stringify(line) + '\n');
  }
}

export function described(payload, kind) {
  const raw = Buffer.from(payload);
  kind ??= typeof payload === 'string' ? 'text' : 'binary';
  const out = { kind, length: raw.length };
  if (raw.length > 4096) out.sha1 = createHash('sha1').update(raw).digest('hex');
  else if (kind === 'text') out.text = payload;
  else out.base64 = raw.toString('base64');
  return out;
}

export const payloadOf = (p) => (typeof p === 'string' ? p : Buffer.from(p.b64, 'base64'));
export const readSpec = () => JSON.parse(readFileSync(process.argv[2], 'utf8'));

export function address(name) {
  const i = name.lastIndexOf(':');
  return [name.slice(0, i).replace(/^\[|\]$/g, ''), Number(name.slice(i + 1))];
}

export const nameOf = (host, port) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);
