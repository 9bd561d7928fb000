// Echo, for the Autobahn test suite: `autobahn.cjs serve PORT` or `autobahn.cjs run URL AGENT`.
const { WebSocket, WebSocketServer } = require("ws");

const options = { perMessageDeflate: false, maxPayload: 1 << 26 };
// What breaks the protocol is what most cases are about.
const calm = (ws) => ws.on("error", () => {});
const echo = (ws) => calm(ws).on("message", (data, binary) => ws.send(data, { binary }));

function talk(url, act) {
  return new Promise((resolve) => {
    const ws = new WebSocket(url, options);
    act(ws);
    ws.on("close", resolve);
  });
}

async function run(url, agent) {
  let count = 0;
  await talk(`${url}/getCaseCount`, (ws) => calm(ws).on("message", (data) => (count = Number(data))));
  for (let number = 1; number <= count; number += 1)
    await talk(`${url}/runCase?case=${number}&agent=${agent}`, echo);
  await talk(`${url}/updateReports?agent=${agent}`, calm);
}

const [what, where, agent] = process.argv.slice(2);
if (what === "serve") new WebSocketServer({ ...options, host: "127.0.0.1", port: Number(where) }).on("connection", echo);
else run(where, agent);
