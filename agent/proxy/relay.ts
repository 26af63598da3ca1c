import type { Socket } from "node:net";

/**
 * Passes on whatever either side of a connection sends, as fast as the other takes it, until both have
 * ended. A side that ends is told to the other, which may go on; one that breaks off breaks off the other.
 * There are many of these at a time: each holds little more than its two sockets.
 *
 * @param idleTimeout ms without a byte in either direction after which both break off.
 */
export async function relay(client: Socket, server: Socket, idleTimeout: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const onClose = (): void => {
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      if (!socket.destroyed) continue;
      if (other.destroyed) return resolve();
      if (!socket.readableEnded || !socket.writableFinished) other.resetAndDestroy();
    }
  };
  for (const socket of [client, server]) {
    socket.allowHalfOpen = true;
    socket.on("error", ignore).once("close", onClose);
  }
  client.pipe(server);
  server.pipe(client);
  client.setTimeout(idleTimeout, breakOff);
  // One may have closed before.
  onClose();
  await promise;
}

/** What follows from an error is done on `close`. */
export function ignore(): void {}

function breakOff(this: Socket): void {
  this.resetAndDestroy();
}
