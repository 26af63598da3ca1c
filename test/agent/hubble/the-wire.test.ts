import { expect, test } from "vitest";
import { addEvent, denial, event } from "#test/agent/flows/fixture.ts";
import { HubbleFixture } from "./hubble-fixture.ts";

/** A varint of protobuf, and what is behind it. */
function varint(bytes: Buffer, from: number): [value: bigint, next: number] {
  let value = 0n;
  for (let i = from, shift = 0n; ; i++, shift += 7n) {
    const byte = bytes[i] ?? 0;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return [value, i + 1];
  }
}

/** Fields by number, as the wire has them: numbers, and bytes as they are. */
function fieldsOf(bytes: Buffer): Map<number, (bigint | Buffer)[]> {
  const fields = new Map<number, (bigint | Buffer)[]>();
  for (let i = 0; i < bytes.length;) {
    const [tag, begin] = varint(bytes, i);
    const [value, next] = varint(bytes, begin);
    const isBytes = (tag & 7n) === 2n;
    i = isBytes ? next + Number(value) : next;
    const number = Number(tag >> 3n);
    fields.set(number, [...(fields.get(number) ?? []), isBytes ? bytes.subarray(next, i) : value]);
  }
  return fields;
}

/** The message, number or text at a path of field numbers. */
function at(bytes: Buffer, ...path: readonly number[]): bigint | Buffer | undefined {
  return path.reduce<bigint | Buffer | undefined>(
    (value, number) => (Buffer.isBuffer(value) ? fieldsOf(value).get(number)?.[0] : undefined),
    bytes,
  );
}

const text = (value: bigint | Buffer | undefined): string => String(value);

/** Bytes of a request, and the responses' bytes. */
async function ask(hubble: HubbleFixture, request: string): Promise<Buffer[]> {
  const found: Buffer[] = [];
  for await (const bytes of hubble.client.raw("/observer.Observer/GetFlows", Buffer.from(request, "hex"))) {
    found.push(bytes as Buffer);
  }
  return found;
}

// Numbers are written out here: what readers of Hubble have in their programs.
test("a flow's numbers", async () => {
  await using hubble = await HubbleFixture.start();
  addEvent(hubble.ring, denial());
  const [response = Buffer.alloc(0)] = await ask(hubble, "");
  expect(text(at(response, 1000))).toBe("n1");
  expect(at(response, 1001, 1)).toBe(1769860800n);
  const flow = at(response, 1) as Buffer;
  const found = {
    seconds: at(flow, 1, 1),
    verdict: at(flow, 2),
    source: text(at(flow, 5, 1)),
    destination: text(at(flow, 5, 2)),
    version: at(flow, 5, 3),
    sourcePort: at(flow, 6, 1, 1),
    destinationPort: at(flow, 6, 1, 2),
    syn: at(flow, 6, 1, 3, 2),
    endpoint: at(flow, 8, 1),
    identity: at(flow, 8, 2),
    namespace: text(at(flow, 8, 3)),
    label: text(at(flow, 8, 4)),
    pod: text(at(flow, 9, 5)),
    type: at(flow, 10),
    node: text(at(flow, 11)),
    event: at(flow, 19, 1),
    direction: at(flow, 22),
    dropReason: at(flow, 25),
    interface: at(flow, 28, 1),
    uuid: text(at(flow, 34)).length,
    file: text(at(flow, 38, 1)),
    line: at(flow, 38, 2),
    emitter: text(at(flow, 41, 1)),
    allowedBy: text(at(flow, 21001, 1)),
    revision: at(flow, 21001, 4),
    summary: text(at(flow, 100_000)),
  };
  expect(found).toEqual({
    seconds: 1769860800n,
    verdict: 2n,
    source: "10.0.0.7",
    destination: "10.0.0.8",
    version: 1n,
    sourcePort: 40_000n,
    destinationPort: 5432n,
    syn: 1n,
    endpoint: 12n,
    identity: 20481n,
    namespace: "shop",
    label: "k8s:app=web",
    pod: "db-0",
    type: 1n,
    node: "n1",
    event: 5n,
    direction: 1n,
    dropReason: 133n,
    interface: 33n,
    uuid: 36,
    file: "judge.h",
    line: 99n,
    emitter: "Weir",
    allowedBy: "web",
    revision: 41n,
    summary: "TCP Flags: SYN",
  });
});

test("a request's numbers, and fields that nobody knows", async () => {
  await using hubble = await HubbleFixture.start();
  for (let i = 0; i < 3; i++) addEvent(hubble.ring, event({ sourcePort: 80 + i }));
  const counts = async (request: string): Promise<number> => (await ask(hubble, request)).length;
  // Field 1: number; 9: first; 6 and 5: white- and blacklist, of whose filters 13 is the source's port.
  expect(await counts("0802")).toBe(2);
  const [first = Buffer.alloc(0)] = await ask(hubble, "08014801");
  expect(at(first, 1, 6, 1, 1)).toBe(80n);
  expect(await counts("32046a023831")).toBe(1);
  expect(await counts("2a046a023831")).toBe(2);
  // Fields 777 and 778 of the request, and 500 of a filter.
  expect(await counts("c83005d23001610802")).toBe(2);
  expect(await counts("32076a023831a01f07")).toBe(1);
});
