import { decode, encode, RECURSION_DESIRED } from "dns-packet";
import { dnsTcpHandler } from "#agent/proxy/dns/tcp.ts";
import { frame, MessageReader } from "#agent/proxy/dns/framing.ts";
import { endRules, proxyRule } from "#test/support/fake-proxy.ts";
import { type ProtocolTarget, describe } from "./protocol-target.ts";

const framed = (message: Parameters<typeof encode>[0]): Buffer => frame(Buffer.from(encode(message)));
const ask = (name: string, type: "A" | "AAAA" | "TXT" = "A"): Buffer =>
  framed({ type: "query", id: 7, flags: RECURSION_DESIRED, questions: [{ type, name }] });
const l7 = { family: "dns", rules: [{ kind: "name", name: "www.example.com" }] } as const;

const shared = {
  ends: [endRules([proxyRule("allowed", { l7 })])],
  tokens: [
    Buffer.from([0xc0, 12]),
    Buffer.from([0xc0, 0xff]),
    Buffer.from([0]),
    Buffer.from([63]),
    Buffer.from([0xff, 0xff]),
    Buffer.from([0, 1, 0, 1]),
    Buffer.from([3, 119, 119, 119]),
    Buffer.from("\x05other\x07example\x03com\0", "latin1"),
    Buffer.from("\x03www\x07example\x03com\0", "latin1"),
  ],
};

/** Queries. Whatever `dns-packet` reads at the server has to be what a rule allows. */
export const dns: ProtocolTarget = {
  ...shared,
  handler: dnsTcpHandler({ names: { admit: () => null }, denial: () => "refused" }),
  seeds: [
    ask("www.example.com"),
    ask("WWW.Example.Com", "AAAA"),
    ask("other.example.com"),
    Buffer.concat([ask("www.example.com"), ask("other.example.com"), ask("www.example.com", "TXT")]),
    framed({
      type: "query",
      id: 9,
      questions: [{ type: "A", name: "www.example.com" }],
      additionals: [
        {
          type: "OPT",
          name: ".",
          udpPayloadSize: 4096,
          extendedRcode: 0,
          ednsVersion: 0,
          flags: 0,
          flag_do: false,
          options: [],
        },
      ],
    }),
    framed({
      type: "query",
      id: 9,
      questions: [
        { type: "A", name: "www.example.com" },
        { type: "A", name: "other.example.com" },
      ],
    }),
  ],
  serve(socket, understood) {
    const reader = new MessageReader();
    socket.on("error", () => {}).on("end", () => socket.end());
    socket.on("data", (piece: Buffer) => {
      reader.push(piece);
      for (let message = reader.next(); message; message = reader.next()) {
        const query = readable(message);
        if (query === null) continue;
        const questions = query.questions ?? [];
        understood.push(questions.map(({ name }) => name.toLowerCase()).join());
        socket.write(framed({ type: "response", id: query.id ?? 0, questions, answers: [] }));
      }
    });
  },
  // What is behind a query that ends the connection may come before the server is called, or after.
  decided: ({ records }) => records.filter(({ kind }) => kind === "request").map(describe),
  fault({ understood }) {
    const forbidden = understood.find((names) => names !== "www.example.com");
    return forbidden === undefined ? null : `the server is asked for ${forbidden}`;
  },
};

function readable(message: Buffer): ReturnType<typeof decode> | null {
  try {
    return decode(message);
  } catch {
    return null;
  }
}
