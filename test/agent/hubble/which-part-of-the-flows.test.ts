import { expect, test } from "vitest";
import { addEvent, event } from "#test/agent/flows/fixture.ts";
import { accepted, codeOf, type Message } from "#test/support/hubble-client.ts";
import { HubbleFixture } from "./hubble-fixture.ts";

const start = Date.parse("2026-01-31T12:00:00Z") / 1000;
/** The instant of the packet from this source port. */
const at = (seconds: number): object => ({ seconds: String(start + seconds), nanos: 0 });

/** A packet a second; the source port says which. */
function add(hubble: HubbleFixture, ...seconds: readonly number[]): void {
  for (const sourcePort of seconds)
    addEvent(hubble.ring, event({ sourcePort, time: BigInt(sourcePort) * 1_000_000_000n }));
}

function portOf(flow: Message): number {
  return (flow as { l4: { TCP: { source_port: number } } }).l4.TCP.source_port;
}

async function started(): Promise<HubbleFixture> {
  const hubble = await HubbleFixture.start({ capacity: 8 });
  // The first is overwritten.
  add(hubble, 1, 2, 3, 4, 5, 6, 7, 8, 9);
  return hubble;
}

const even = [2, 4, 6, 8].map((port) => ({ source_port: [String(port)] }));

test.each<[request: object, ports: readonly number[]]>([
  [{}, [2, 3, 4, 5, 6, 7, 8, 9]],
  [{ number: 3 }, [7, 8, 9]],
  [{ number: 99 }, [2, 3, 4, 5, 6, 7, 8, 9]],
  [{ number: "18446744073709551615" }, [2, 3, 4, 5, 6, 7, 8, 9]],
  [{ number: 3, first: true }, [2, 3, 4]],
  [{ first: true }, [2, 3, 4, 5, 6, 7, 8, 9]],
  [{ number: 2, whitelist: even }, [6, 8]],
  [{ number: 2, first: true, whitelist: even }, [2, 4]],
  [{ number: 2, blacklist: even }, [7, 9]],
  [{ since: at(6) }, [6, 7, 8, 9]],
  [{ since: at(0) }, [2, 3, 4, 5, 6, 7, 8, 9]],
  [{ since: at(10) }, []],
  [{ until: at(4) }, [2, 3, 4]],
  [{ since: at(4), until: at(6) }, [4, 5, 6]],
  [{ since: at(6), until: at(4) }, []],
  // Since goes before number: the oldest from there on.
  [{ since: at(4), number: 2 }, [4, 5]],
  [{ since: at(4), number: 2, whitelist: even }, [4, 6]],
  [{ until: at(5), number: 2 }, [4, 5]],
])("%j", async (request, ports) => {
  await using hubble = await started();
  expect((await hubble.client.flows(request)).map(portOf)).toEqual(ports);
});

/** Flows of a stream that follows, each when it is asked for. */
async function follow(hubble: HubbleFixture, request: object): Promise<() => Promise<number | "ended">> {
  const stream = hubble.client.stream("observer.Observer/GetFlows", { follow: true, ...request });
  await accepted(stream);
  const responses = stream[Symbol.asyncIterator]();
  return async () => {
    const next = await responses.next();
    return next.done === true ? "ended" : portOf((next.value as { flow: Message }).flow);
  };
}

test.each<[request: object, before: readonly number[]]>([
  [{}, []],
  [{ number: 2 }, [8, 9]],
  [{ number: 1, whitelist: even }, [8]],
  [{ since: at(8) }, [8, 9]],
])("what comes is told to who follows, after what is wanted of what was: %j", async (request, before) => {
  await using hubble = await started();
  const next = await follow(hubble, request);
  for (const port of before) expect(await next()).toBe(port);
  for (const port of [2, 4, 6]) {
    add(hubble, port + 8);
    addEvent(hubble.ring, event({ sourcePort: port, time: 60_000_000_000n }));
    if (!("whitelist" in request)) expect(await next()).toBe(port + 8);
    expect(await next()).toBe(port);
  }
});

test("who follows until an instant is told nothing after it", async () => {
  await using hubble = await started();
  const next = await follow(hubble, { until: at(11) });
  add(hubble, 10, 11, 12);
  expect([await next(), await next(), await next()]).toEqual([10, 11, "ended"]);
});

test.each<[request: object, words: RegExp]>([
  [{ first: true, follow: true }, /first and follow exclude each other/],
  [{ since: { seconds: "999999999999" } }, /read since: it is no timestamp/],
  [{ until: { seconds: "0", nanos: -1 } }, /read until: it is no timestamp/],
])("%j is refused", async (request, words) => {
  await using hubble = await started();
  const call = hubble.client.responses(request);
  await expect(call).rejects.toThrow(words);
  expect(await codeOf(call)).toBe("INVALID_ARGUMENT");
});

test("a reader that is too slow is told how many it missed, and holds nobody up", async () => {
  await using hubble = await HubbleFixture.start({ capacity: 64 });
  const stream = hubble.client.stream("observer.Observer/GetFlows", { follow: true });
  await accepted(stream);
  // More than all buffers between the two hold. The ring goes on whatever the reader does.
  const count = 20_000;
  for (let i = 0; i < count; i++) {
    add(hubble, i % 50_000);
    if (i % 32 === 0) await new Promise(setImmediate);
  }
  expect(hubble.ring.next).toBe(count);
  let [told, lost] = [0, 0];
  for await (const message of stream) {
    const { flow, lost_events: missed } = message as { flow?: Message; lost_events?: Message };
    if (flow) told++;
    if (missed) {
      expect(missed["source"]).toBe("HUBBLE_RING_BUFFER");
      lost += Number(missed["num_events_lost"]);
    }
    if (told + lost === count) break;
  }
  expect(told + lost).toBe(count);
  expect(lost).toBeGreaterThan(0);
});

test("what the kernel lost is told, whatever the filter", async () => {
  await using hubble = await HubbleFixture.start();
  const stream = hubble.client.stream("observer.Observer/GetFlows", {
    follow: true,
    whitelist: [{ source_ip: ["1.1.1.1"] }],
  });
  await accepted(stream);
  hubble.ring.settle(7n);
  const { value } = await stream[Symbol.asyncIterator]().next();
  expect(value).toMatchObject({
    node_name: "n1",
    lost_events: { source: "PERF_EVENT_RING_BUFFER", num_events_lost: "7" },
  });
});
