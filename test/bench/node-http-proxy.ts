/**
 * The least that a reverse proxy of `node:http` is: `PORT SERVER-ADDRESS SERVER-PORT`. It asks of a request what the L7
 * rule of the bench asks, and says nothing more.
 */
import { Agent, createServer, request } from "node:http";

const [port, host, serverPort] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 256 });
const path = /^\/public\/.*$/;

createServer((asked, answer) => {
  const { method = "", url = "", headers } = asked;
  if (method !== "GET" || !path.test(url)) {
    answer.writeHead(403).end("denied\n");
    return;
  }
  const call = request({ agent, host, port: Number(serverPort), method, path: url, headers }, (response) => {
    answer.writeHead(response.statusCode ?? 502, response.headers);
    response.pipe(answer);
  });
  call.on("error", () => answer.destroy());
  asked.pipe(call);
}).listen(Number(port));
