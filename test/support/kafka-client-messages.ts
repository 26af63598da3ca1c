import { createRequire } from "node:module";

/** The protocol as kafkajs has written it down: another reading than the one under test. */
interface Definition {
  readonly versions: readonly string[];
  protocol(version: { readonly version: number }): (content: object) => {
    readonly request: { readonly apiKey: number; readonly apiVersion: number };
    readonly response: { decode(body: Buffer): Promise<object> };
  };
}

const require = createRequire(import.meta.url);
const encode = require("kafkajs/src/protocol/request.js") as (request: object) => Promise<{ readonly buffer: Buffer }>;

export const definitions = (
  require("kafkajs/src/protocol/requests/index.js") as { readonly requests: Readonly<Record<string, Definition>> }
).requests;

/** A request with the length before it, and how kafkajs reads the answer's body. */
export async function clientRequest(
  name: string,
  version: number,
  content: object,
  correlationId = 7,
): Promise<{ readonly frame: Buffer; readonly decode: (answer: Buffer) => Promise<object> }> {
  const definition = definitions[name];
  if (!definition) throw new Error(`kafkajs knows no request ${name}`);
  const { request, response } = definition.protocol({ version })(content);
  const { buffer } = await encode({ correlationId, clientId: "billing", request });
  return { frame: buffer, decode: (answer) => response.decode(answer.subarray(8)) };
}
