/** Writes the records of some addresses again and again, in turns, as they are, until it is told to stop. */
import { workerData } from "node:worker_threads";
import { BpfMap, type Codec, MapHandle } from "libbpf-ts";

const { map, addresses, stop } = workerData as { map: number; addresses: readonly string[]; stop: Int32Array };
const bytes = (size: number): Codec<Uint8Array> => ({
  size,
  encode: (value, view, at) => new Uint8Array(view.buffer, view.byteOffset + at, size).set(value),
  decode: (view, at) => new Uint8Array(view.buffer, view.byteOffset + at, size).slice(),
});
using handle = MapHandle.openById(map);
const records = new BpfMap(handle, bytes(handle.info.keySize), bytes(handle.info.valueSize));
const entries = [...records.entries()].filter(([key]) => addresses.includes(key.subarray(0, 4).join(".")));
// In turns, so that what one leaves is the other's next element; in batches, which leave the program less time.
const turns = Array.from({ length: 200 }, () => entries).flat();
while (Atomics.load(stop, 0) === 0) records.setMany(turns);
