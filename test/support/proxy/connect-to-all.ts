import { until } from "#agent/local/until.ts";
import type { Client, TestProxy } from "./proxy-process.ts";

/** A connection to each worker of a proxy whose workers answer with their process id. */
export async function connectToAll(proxy: TestProxy): Promise<Map<number, Client>> {
  const clients = new Map<number, Client>();
  await until("a connection to each worker", async () => {
    const client = await proxy.connect();
    const pid = Number.parseInt(await client.ask("GET "), 10);
    if (clients.has(pid)) client.socket.destroy();
    else clients.set(pid, client);
    return clients.size === 2;
  });
  return clients;
}
