import { expect, test } from "vitest";
import { HelloRetryWatch } from "#agent/proxy/tls/hello-retry.ts";
import { clientHello, message, records } from "#test/support/client-hello.ts";

const RETRY = Buffer.from("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c", "hex");
const serverHello = (random: Buffer): Buffer =>
  message(2, Buffer.concat([Buffer.from([3, 3]), random, Buffer.alloc(20)]));
const retry = records(serverHello(RETRY));
const noRetry = records(serverHello(Buffer.alloc(32, 7)));
const hello = (serverName: string): Buffer => records(clientHello({ serverName }));
const changeCipherSpec = records(Buffer.from([1]), 1, 20);
const earlyData = records(Buffer.alloc(3000, 22), 1000, 23);
/** As the Finished of a resumed session of TLS 1.2 comes: encrypted, behind a ChangeCipherSpec. */
const encrypted = records(Buffer.from([1, 0, 0, 2, 9, 9]));

type Step = readonly ["client" | "server", Buffer];

/** What came through to the server, and how it ended; every step is cut into segments of this size. */
function run(steps: readonly Step[], segment: number): { passed: Buffer; state: HelloRetryWatch["state"] } {
  const watch = new HelloRetryWatch("a.test");
  const passed: Buffer[] = [];
  for (const [from, bytes] of steps) {
    for (let at = 0; at < bytes.length; at += segment) {
      const chunk = bytes.subarray(at, at + segment);
      passed.push(from === "client" ? watch.fromClient(chunk) : watch.fromServer(chunk));
    }
  }
  return { passed: Buffer.concat(passed), state: watch.state };
}

const ofClient = (steps: readonly Step[]): Buffer =>
  Buffer.concat(steps.filter(([from]) => from === "client").map(([, bytes]) => bytes));

const honest: Readonly<Record<string, readonly Step[]>> = {
  "a server that wants no other": [
    ["server", noRetry],
    ["client", hello("b.test")],
  ],
  "a server that sends an alert": [
    ["server", records(Buffer.from([2, 40]), 2, 21)],
    ["client", hello("b.test")],
  ],
  "a server that answers with another message": [
    ["server", records(message(0, Buffer.alloc(0)))],
    ["client", encrypted],
  ],
  "a server's hello in several records": [
    ["server", records(serverHello(Buffer.alloc(32)), 10)],
    ["client", encrypted],
  ],
  "the same name once more": [
    ["server", retry],
    ["client", hello("a.test")],
  ],
  "the same name behind a ChangeCipherSpec": [
    ["server", retry],
    ["client", changeCipherSpec],
    ["client", hello("a.test")],
  ],
  "the same name behind early data": [
    ["client", earlyData],
    ["server", retry],
    ["client", hello("a.test")],
  ],
  "the same name, and data behind it": [
    ["server", retry],
    ["client", Buffer.concat([hello("a.test"), earlyData])],
  ],
  "the same name before the server asks": [
    ["client", hello("a.test")],
    ["server", retry],
  ],
  "what is encrypted before the server answers": [
    ["client", changeCipherSpec],
    ["client", encrypted],
    ["server", noRetry],
  ],
};

test.each(Object.entries(honest))("%s: everything passes as it is", (_, steps) => {
  for (const segment of [1, 3, 7, 65_536]) {
    const { passed, state } = run(steps, segment);
    expect([state, passed.equals(ofClient(steps))]).toEqual(["over", true]);
  }
});

const hostile: Readonly<Record<string, readonly Step[]>> = {
  "another name": [
    ["server", retry],
    ["client", hello("b.test")],
  ],
  "no name": [
    ["server", retry],
    ["client", records(clientHello({}))],
  ],
  "another name before the server asks": [
    ["client", hello("b.test")],
    ["server", retry],
  ],
  "another name behind a ChangeCipherSpec": [
    ["client", Buffer.concat([changeCipherSpec, hello("b.test")])],
    ["server", retry],
  ],
  "another name behind early data": [
    ["client", Buffer.concat([earlyData, hello("b.test")])],
    ["server", retry],
  ],
  "another name in small records": [
    ["server", retry],
    ["client", records(clientHello({ serverName: "b.test" }), 3)],
  ],
  "another name when the server asks in small records": [
    ["server", records(serverHello(RETRY), 5)],
    ["client", hello("b.test")],
  ],
  "a hello that cannot be read": [
    ["server", retry],
    ["client", records(message(1, Buffer.alloc(50)))],
  ],
  "more before the answer than a hello can have": [["client", records(Buffer.alloc(20_000))]],
};

test.each(Object.entries(hostile))("%s: nothing of it passes", (_, steps) => {
  for (const segment of [1, 3, 7, 65_536]) {
    const { passed, state } = run(steps, segment);
    expect(state).toBe("refused");
    const before = steps.filter(([, bytes]) => bytes !== retry).map(([, bytes]) => bytes);
    expect(passed.includes("b.test")).toBe(false);
    expect(Buffer.concat(before).subarray(0, passed.length).equals(passed)).toBe(true);
  }
});
