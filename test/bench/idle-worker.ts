/** Opens connections, asks once on each and keeps them: `idle-worker.ts ADDRESS PORT PATH COUNT`. Says how many were answered. */
import { connect, type Socket } from "node:net";

const [host = "", port = "", path = "", count = ""] = process.argv.slice(2);
const kept: Socket[] = [];
const request = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
let answered = 0;

/** Resolves when an answer has come, or when there is none. */
function ask(): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) });
    kept.push(socket);
    socket.on("error", () => resolve());
    socket.on("close", () => resolve());
    socket.once("data", (chunk) => {
      if (chunk.includes(" 200 ")) answered++;
      resolve();
    });
    socket.write(request);
  });
}

let left = Number(count);
async function askOn(): Promise<void> {
  while (left-- > 0) await ask();
}
await Promise.all(Array.from({ length: 32 }, askOn));
process.send?.(answered);
process.on("disconnect", () => process.exit());
