import { serveTls } from "#agent/proxy/tls/serve.ts";
import { clientHello, records as inRecords } from "#test/support/client-hello.ts";
import { endRules, proxyRule } from "#test/support/fake-proxy.ts";
import { type ProtocolTarget, describe } from "./protocol-target.ts";

const hello = (serverName: string | null, size?: number): Buffer => inRecords(clientHello({ serverName }), size);

export const tls: ProtocolTarget = {
  handler: serveTls,
  ends: [endRules([proxyRule("allowed", { serverNames: ["www.example.com"] })])],
  seeds: [
    hello("www.example.com"),
    hello("www.example.com", 40),
    hello("other.example.com"),
    hello(null),
    Buffer.concat([hello("www.example.com"), inRecords(Buffer.from("more"), 100, 23)]),
    inRecords(
      clientHello({
        names: [
          [0, "www.example.com"],
          [0, "other.example.com"],
        ],
      }),
    ),
    inRecords(clientHello({ serverName: "www.example.com", extensions: [[43, Buffer.of(2, 3, 4)]] })),
  ],
  tokens: [
    Buffer.of(0x16, 3, 1),
    Buffer.of(0x16, 3, 1, 0, 1),
    Buffer.of(1, 0, 0, 0x10),
    Buffer.of(0, 0, 0, 5, 0, 3, 0, 0, 0),
    Buffer.of(0x15, 3, 1, 0, 2, 2, 40),
    Buffer.from("www.example.com"),
    Buffer.from("other.example.com"),
    Buffer.of(0),
    Buffer.of(0xff, 0xff),
  ],
  serve(socket, understood) {
    socket.on("error", () => {}).on("end", () => socket.end());
    socket.on("data", (chunk: Buffer) => understood.push(chunk.toString("latin1")));
  },
  decided: ({ records, understood }) => [...records.map(describe), understood.length > 0 ? "passed" : "held"],
  fault({ records, understood }) {
    const names = records.flatMap(({ verdict, content }) =>
      verdict === "forwarded" && content.family === "tls" ? [content.serverName] : [],
    );
    if (names.some((name) => name?.toLowerCase().replace(/\.$/, "") !== "www.example.com"))
      return `${names.join()} passes`;
    return understood.length > 0 && names.length === 0 ? "bytes pass that nobody has judged" : null;
  },
};
