import type { ProxiedConnection } from "#agent/proxy/proxied-connection.ts";
import { isPlain } from "#agent/proxy/protocol.ts";
import { serveRaw } from "#agent/proxy/raw.ts";

/** Serves what nobody can read: passes it on where no end asks, and else closes it. */
export async function serveUnread(connection: ProxiedConnection): Promise<void> {
  const current = connection.rules();
  if (current !== null && isPlain(current.ends)) await serveRaw(connection, null);
  else connection.client.resetAndDestroy();
}
