import type { ProxiedConnection } from "./proxied-connection.ts";
import { isPlain } from "./protocol.ts";
import { relay } from "./relay.ts";

/**
 * Passes everything on as it comes, as fast as the other side takes it, as long as every end of policy lets everything pass:
 * what cannot be read cannot be judged, once a rule asks.
 *
 * @param head what the client sent before it ended, which could not be put back.
 */
export async function serveRaw(connection: ProxiedConnection, head: Buffer | null): Promise<void> {
  const { client, limits } = connection;
  const server = await connection.connect();
  if (head) server.write(head);
  await relay(client, server, limits.idleTimeout, () => {
    const current = connection.rules();
    return current !== null && isPlain(current.ends);
  });
}
