import { expect, test } from "vitest";
import { formatMessage, parseFromProxy, parseToProxy, PROXY_SOCKET, proxySocketOf } from "#agent/proxy/messages.ts";
import type { RuleUpdate } from "#agent/proxy/rule-book.ts";

const update: RuleUpdate = {
  version: 7,
  isWhole: false,
  added: [
    {
      reference: 3,
      rules: [
        {
          description: {
            kind: "CiliumNetworkPolicy",
            namespace: "shop",
            name: "web",
            rule: "ingress[0]",
            file: "web.yaml",
            line: 4,
          },
          l7: {
            family: "http",
            rules: [{ method: "GET", path: "/public", host: null, headers: ["X-One"], headerMatches: [] }],
          },
          serverNames: [],
        },
      ],
    },
  ],
  removed: [2],
};

test("a message is one line that is read as what was written", () => {
  const line = formatMessage({ type: "rules", update });
  expect(line.indexOf("\n")).toBe(line.length - 1);
  expect(parseToProxy(line.trimEnd())).toEqual({ ok: true, message: { type: "rules", update } });
});

test("text with line ends stays on one line", () => {
  const answer = { name: "a\nb", addresses: [], endpoint: 1 };
  expect(formatMessage({ type: "admit", id: 1, answer }).split("\n")).toHaveLength(2);
});

test.each(["", "{", "null", '{"type":"drain"}', '{"type":"rules","update":{"version":0}}', '{"type":"nothing"}'])(
  "what is no message is told: %s",
  (line) => {
    const parsed = parseToProxy(line);
    expect(parsed.ok).toBe(false);
    expect(!parsed.ok && parsed.error.length).toBeGreaterThan(0);
  },
);

test("a record's content is one of its family", () => {
  const record = {
    time: "1",
    tuple: {
      protocol: "TCP",
      sourceAddress: "10.0.0.1",
      sourcePort: 1,
      destinationAddress: "10.0.0.2",
      destinationPort: 443,
    },
    source: { endpoint: 1, identity: 300 },
    destination: { endpoint: 0, identity: 2 },
    verdict: "denied",
    rules: [],
    deniedBy: "source",
    kind: "request",
    latency: null,
    content: { family: "tls", serverName: null },
  };
  const line = (one: object) => JSON.stringify({ type: "records", sequence: 1, lost: 0, records: [one] });
  expect(parseFromProxy(line(record))).toMatchObject({ ok: true, message: { records: [record] } });
  const wrong = [
    { content: { family: "tls" } },
    { time: "now" },
    { latency: -1 },
    { tuple: { ...record.tuple, sourceAddress: "nowhere" } },
    { tuple: { ...record.tuple, destinationPort: 65_536 } },
  ];
  for (const changes of wrong)
    expect([changes, parseFromProxy(line({ ...record, ...changes })).ok]).toEqual([changes, false]);
});

test("a control socket's name has its process id", () => {
  const name = proxySocketOf("/run/weir", 12).slice("/run/weir/".length);
  expect(PROXY_SOCKET.exec(name)?.[1]).toBe("12");
  expect(PROXY_SOCKET.test("proxy.sock")).toBe(false);
});
