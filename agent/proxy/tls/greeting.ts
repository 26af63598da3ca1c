import type { Socket } from "node:net";
import { type HelloReading, HelloReader } from "./hello-reader.ts";

/** What a client has said before anything of it went on. */
export interface Greeting {
  readonly bytes: Buffer;
  /** Place behind the hello; what follows, if anything, is early data. */
  readonly end: number;
  /** Null: it asks for none, or there is no hello that can be read. */
  readonly serverName: string | null;
  readonly isReadable: boolean;
}

/**
 * Reads a client's hello, and leaves the client paused. Who takes too long, or ends before, has none that can be read.
 *
 * @param timeout in ms.
 * @returns null: the client has broken off.
 */
export async function readGreeting(client: Socket, timeout: number): Promise<Greeting | null> {
  const reader = new HelloReader();
  const chunks: Buffer[] = [];
  let before = 0;
  const { promise, resolve } = Promise.withResolvers<HelloReading | null>();
  const listeners = {
    data: (chunk: Buffer): void => {
      chunks.push(chunk);
      const reading = reader.read(chunk);
      if (reading.state !== "more") {
        client.pause();
        resolve(reading);
      } else {
        before += chunk.length;
      }
    },
    end: (): void => resolve({ state: "unreadable", fault: "ends too early" }),
    close: (): void => resolve(null),
  };
  const timer = setTimeout(() => resolve({ state: "unreadable", fault: "takes too long" }), timeout);
  for (const [event, listener] of Object.entries(listeners)) client.on(event, listener);
  if (client.destroyed) resolve(null);
  else client.resume();
  const reading = await promise;
  clearTimeout(timer);
  for (const [event, listener] of Object.entries(listeners)) client.off(event, listener);
  client.pause();
  if (!reading) return null;
  const bytes = Buffer.concat(chunks);
  return reading.state === "read"
    ? { bytes, end: before + reading.end, serverName: reading.hello.serverName, isReadable: true }
    : { bytes, end: bytes.length, serverName: null, isReadable: false };
}
