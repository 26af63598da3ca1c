import type { Stream } from "#agent/local/traffic.ts";
import { until } from "#agent/local/until.ts";

/** How many messages of a stream have come so far. */
export async function received(stream: Stream): Promise<number> {
  return (await stream.report()).received;
}

/** Waits until so many more messages have come. */
export async function goesOn(stream: Stream, more = 20): Promise<void> {
  const before = await received(stream);
  await until("the stream to go on", async () => (await received(stream)) >= before + more);
}
