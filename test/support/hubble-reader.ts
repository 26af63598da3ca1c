/**
 * Reads flows over TLS from where it runs, and prints one JSON object a line, or the code of the error:
 * `node hubble-reader.ts ADDRESS CA [CERT KEY]`. For namespaces of nodes, which a test cannot enter itself.
 */
import { readFileSync } from "node:fs";
import { credentials } from "@grpc/grpc-js";
import { codeOf, HubbleClient, type Message } from "./hubble-client.ts";

const [address = "", ca = "", cert, key] = process.argv.slice(2);
const [chain, secret] = [cert, key].map((path) => (path === undefined ? null : readFileSync(path)));
const as = credentials.createSsl(readFileSync(ca), secret ?? null, chain ?? null);
using client = new HubbleClient(address, as);
let flows: readonly Message[] = [];
const read = async (): Promise<void> => {
  flows = await client.flows();
};
console.log(await codeOf(read()));
for (const flow of flows) console.log(JSON.stringify(flow));
