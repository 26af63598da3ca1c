import { describe, expect, test } from "vitest";
import { type RecordedFlows, readRecordedFlows } from "#policy/simulate/recorded-flows.ts";

const web = { namespace: "shop", pod_name: "web-1", labels: ["k8s:app=web"], identity: 20_481 };
const db = { namespace: "shop", pod_name: "db-0", labels: ["k8s:app=db"], identity: 20_482 };
const flow = {
  verdict: "FORWARDED",
  IP: { source: "10.0.0.7", destination: "10.0.0.9", ipVersion: "IPv4" },
  l4: { TCP: { source_port: 40_000, destination_port: 5432, flags: { SYN: true } } },
  source: web,
  destination: db,
  Type: "L3_L4",
  is_reply: false,
};

function read(...lines: unknown[]): RecordedFlows {
  return readRecordedFlows(lines.map((line) => JSON.stringify(line)).join("\n"), "flows.jsonl");
}

/** Each as `FROM TO PROTOCOL PORT`. */
function told({ flows }: RecordedFlows): string[] {
  return flows.map(({ source, destination, protocol, port }) => {
    const [from, to] = [source, destination].map(({ pod, address }) => pod ?? address);
    return `${from} ${to} ${protocol} ${port}`;
  });
}

describe("what a flow says", () => {
  test("who, to whom, by what", () => {
    const [one] = read(flow).flows;
    expect(one).toEqual({
      source: {
        namespace: "shop",
        pod: "web-1",
        labels: ["k8s:app=web"],
        reserved: null,
        address: "10.0.0.7",
        names: [],
      },
      destination: {
        namespace: "shop",
        pod: "db-0",
        labels: ["k8s:app=db"],
        reserved: null,
        address: "10.0.0.9",
        names: [],
      },
      protocol: "TCP",
      port: 5432,
      wasDropped: false,
      count: 1,
      dropped: 0,
    });
  });

  test("a wrapper is taken off, and nulls are as if they were not there", () => {
    expect(told(read({ flow: { ...flow, is_reply: null, source_names: null }, node_name: "n1" }))).toEqual([
      "web-1 db-0 TCP 5432",
    ]);
  });

  test("names of reserved parties, by label or number; of several the one that says most", () => {
    const reserved = (end: object): unknown => read({ ...flow, destination: end }).flows[0]?.destination.reserved;
    expect(reserved({ labels: ["reserved:world"] })).toBe("world");
    expect(reserved({ labels: ["reserved:world-ipv4"] })).toBe("world");
    expect(reserved({ labels: ["reserved:kube-apiserver", "reserved:remote-node"] })).toBe("kube-apiserver");
    expect(reserved({ identity: 1 })).toBe("host");
    expect(reserved({ identity: 20_481 })).toBeNull();
  });

  test("DNS names in one form", () => {
    const names = { ...flow, destination_names: ["B.example.", "a.example"] };
    expect(read(names).flows[0]?.destination.names).toEqual(["a.example", "b.example"]);
  });

  test("protocols: UDP, SCTP, ICMP by its type, which is left out when it is 0", () => {
    const by = (l4: object): string[] => told(read({ ...flow, l4 }));
    expect(by({ UDP: { destination_port: 53 } })).toEqual(["web-1 db-0 UDP 53"]);
    expect(by({ SCTP: { destination_port: 9 } })).toEqual(["web-1 db-0 SCTP 9"]);
    expect(by({ ICMPv4: { type: 8 } })).toEqual(["web-1 db-0 ICMP 8"]);
    expect(by({ ICMPv6: {} })).toEqual(["web-1 db-0 ICMPv6 0"]);
    expect(by({ VRRP: { type: 1 } })).toEqual(["web-1 db-0 VRRP 0"]);
  });
});

describe("replies are turned around", () => {
  const back = { ...flow, source: db, destination: web, IP: { source: "10.0.0.9", destination: "10.0.0.7" } };
  const ports = { source_port: 5432, destination_port: 40_000 };

  test("by what the record says", () => {
    expect(told(read({ ...back, l4: { TCP: ports }, is_reply: true }))).toEqual(["web-1 db-0 TCP 5432"]);
  });

  test("by the flags of the second packet, where it does not say", () => {
    const { is_reply: _, ...silent } = back;
    const l4 = { TCP: { ...ports, flags: { SYN: true, ACK: true } } };
    expect(told(read({ ...silent, l4 }))).toEqual(["web-1 db-0 TCP 5432"]);
  });

  test("an echo's answer stands for its request; other answers of ICMP for nothing", () => {
    expect(told(read({ ...back, l4: { ICMPv4: {} }, is_reply: true }))).toEqual(["web-1 db-0 ICMP 8"]);
    const unreachable = read({ ...back, l4: { ICMPv4: { type: 3 } }, is_reply: true });
    expect([unreachable.flows, [...unreachable.unjudged]]).toEqual([[], [["icmp-answer", 1]]]);
  });
});

describe("counting", () => {
  test("equal connections are one, with how often and how often dropped", () => {
    const other = { ...flow, l4: { TCP: { source_port: 40_001, destination_port: 5432 } }, verdict: "DROPPED" };
    expect(read(flow, other, flow).flows).toMatchObject([{ count: 3, dropped: 1, wasDropped: true }]);
  });

  test("what cannot be judged is counted by its reason", () => {
    const { l4: _, ...bare } = flow;
    const lost = { lost_events: { source: "HUBBLE_RING_BUFFER", num_events_lost: "3" } };
    const flows = read(bare, { ...flow, l4: {} }, { ...flow, Type: "SOCK" }, lost, { node_status: {} }, flow);
    expect([...flows.unjudged]).toEqual([
      ["no-ports", 2],
      ["socket", 1],
      ["no-flow", 2],
    ]);
    expect([flows.records, flows.flows.length]).toEqual([4, 1]);
  });

  test("a request of a higher layer counts by its ports", () => {
    expect(told(read({ ...flow, Type: "L7", l7: { type: "REQUEST" } }))).toEqual(["web-1 db-0 TCP 5432"]);
  });

  test("a request that was denied was not a connection that was", () => {
    const denied = { ...flow, Type: "L7", l7: { type: "REQUEST" }, verdict: "DROPPED" };
    expect(read(denied).flows).toMatchObject([{ count: 1, dropped: 0, wasDropped: false }]);
  });
});
