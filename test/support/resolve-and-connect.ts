/**
 * Asks a resolver for the addresses of `n0.example.com` and so on, many at a time, and connects to port 80 of each as soon as it is known:
 * `resolve-and-connect.ts RESOLVER COUNT`. Prints how many connections there were, as JSON.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";

const [server = "", count = ""] = process.argv.slice(2);
// Not by node:dns, whose library has been seen to pass over answers that had come when there are many under way.
const socket = createSocket("udp4");
socket.connect(53, server);
await once(socket, "connect");

const waiting = new Map<number, (answer: Buffer) => void>();
socket.on("message", (answer) => waiting.get(answer.readUInt16BE(0))?.(answer));

/** RFC 1035, section 4: one question of type A. */
function query(id: number, name: string): Buffer {
  const header = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = name.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

/** The address of the only record: the last bytes of the answer. */
async function resolve(id: number, name: string): Promise<string> {
  const { promise, resolve: settle, reject } = Promise.withResolvers<Buffer>();
  waiting.set(id, settle);
  const late = setTimeout(() => reject(new Error("no answer")), 10_000);
  socket.send(query(id, name));
  const answer = await promise.finally(() => clearTimeout(late));
  if ((answer.readUInt16BE(2) & 15) !== 0 || answer.readUInt16BE(6) !== 1) throw new Error("no address");
  return answer.subarray(-4).join(".");
}

let connected = 0;
const problems: string[] = [];

async function reach(number: number): Promise<void> {
  const name = `n${number}.example.com`;
  try {
    const connection = connect({ host: await resolve(number, name), port: 80 });
    await once(connection, "connect");
    connected++;
    connection.destroy();
  } catch (error) {
    problems.push(`${name}: ${(error as Error).message}`);
  }
}

let next = 0;
/** So many at a time: a resolver, and the proxy, take no endless number of one client. */
async function reachOn(): Promise<void> {
  for (let number = next++; number < Number(count); number = next++) await reach(number);
}
await Promise.all(Array.from({ length: 100 }, reachOn));
socket.close();
process.stdout.write(JSON.stringify({ connected, problems: problems.slice(0, 5) }));
