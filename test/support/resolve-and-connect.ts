/**
 * Asks a resolver for the addresses of `n0.example.com` and so on, all at once, and connects to port 80 of each as soon as it is known:
 * `resolve-and-connect.ts RESOLVER COUNT`. Prints how many connections there were, as JSON.
 */
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { connect } from "node:net";

const [server = "", count = ""] = process.argv.slice(2);
const resolver = new Resolver({ timeout: 10_000, tries: 1 });
resolver.setServers([server]);
let connected = 0;
const problems: string[] = [];

async function reach(name: string): Promise<void> {
  try {
    const [address = ""] = await resolver.resolve4(name);
    const socket = connect({ host: address, port: 80 });
    await once(socket, "connect");
    connected++;
    socket.destroy();
  } catch (error) {
    problems.push(`${name}: ${(error as Error).message}`);
  }
}

let next = 0;
/** So many at a time: a resolver, and the proxy, take no endless number of one client. */
async function reachOn(): Promise<void> {
  for (let name = next++; name < Number(count); name = next++) await reach(`n${name}.example.com`);
}
await Promise.all(Array.from({ length: 100 }, reachOn));
process.stdout.write(JSON.stringify({ connected, problems: problems.slice(0, 5) }));
