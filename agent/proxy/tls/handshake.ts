import type { Socket } from "node:net";
import type { HelloRetryWatch } from "./hello-retry.ts";

/**
 * Passes on what client and server say until the watch has seen enough, or one of them has ended; both are paused then.
 *
 * @param early What the client has said behind its hello.
 * @param timeout ms without a byte, after which both break off.
 */
export async function passHandshake(
  client: Socket,
  server: Socket,
  watch: HelloRetryWatch,
  early: Buffer,
  timeout: number,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const toServer = (bytes: Buffer): void => {
    if (bytes.length > 0 && !server.write(bytes)) client.pause();
    if (watch.state !== "watching") resolve();
  };
  const toClient = (bytes: Buffer): void => {
    if (!client.write(bytes)) server.pause();
  };
  const done = (): void => resolve();
  const listeners = [
    [client, "data", (bytes: Buffer): void => toServer(watch.fromClient(bytes))],
    [client, "drain", (): void => void server.resume()],
    [server, "drain", (): void => void client.resume()],
    [
      server,
      "data",
      (bytes: Buffer): void => {
        toClient(bytes);
        toServer(watch.fromServer(bytes));
      },
    ],
    [client, "timeout", (): void => void client.resetAndDestroy()],
    ...[client, server].flatMap((socket) => ["end", "close"].map((event) => [socket, event, done] as const)),
  ] as const;
  for (const [socket, event, listener] of listeners) socket.on(event, listener);
  client.setTimeout(timeout);
  toServer(watch.fromClient(early));
  for (const socket of [client, server]) {
    if (socket.destroyed) resolve();
    else socket.resume();
  }
  await promise;
  for (const [socket, event, listener] of listeners) socket.off(event, listener);
  for (const socket of [client, server]) socket.pause();
}
