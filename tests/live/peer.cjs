// A client that says what it sends and gets: `node peer.cjs HOST PORT COUNT`; `ws` is found by NODE_PATH.
const { WebSocket } = require('ws');

const [host, port, count] = process.argv.slice(2);
const log = (what, data, isBinary, t) => {
  const payload = isBinary ? { base64: data.toString('base64') } : { text: data.toString() };
  console.log(JSON.stringify({ who: 'client', do: what, t: t ?? Date.now() / 1000, ...payload }));
};

const ws = new WebSocket(`ws://${host}:${port}/node`);
let sent = 0;
const next = () => {
  if (sent === Number(count)) return ws.close(1000, 'done');
  const binary = sent % 3 === 2;
  const data = binary ? Buffer.from([sent, 1, 2]) : Buffer.from(`node ${sent} ✓`);
  const at = Date.now() / 1000;
  ws.send(data, { binary });
  log('sent', data, binary, at);
  sent += 1;
};
ws.on('open', next);
ws.on('message', (data, isBinary) => {
  log('got', data, isBinary);
  setTimeout(next, 5);
});
