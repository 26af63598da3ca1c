/**
 * Asks the echo services, and prints what came of it as JSON: `echo-client.ts grpc ADDRESS:PORT METHOD COUNT` on one channel, or
 * `echo-client.ts websocket URL COUNT`.
 */
import { credentials, makeGenericClientConstructor, type ServiceDefinition, type ServiceError } from "@grpc/grpc-js";
import { WebSocket } from "ws";

const asIs = (content: Buffer): Buffer => content;
const method = (name: string) => ({
  path: `/test.Echo/${name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
});
export const echoService = { say: method("Say"), shout: method("Shout") } satisfies ServiceDefinition;

/** What came of each call: its content, or the status with its details. */
export type GrpcOutcome = { readonly content: string } | { readonly status: number; readonly details: string };
/** What came back, or why the connection did not come to be. */
export type WebSocketOutcome = { readonly echoed: readonly string[] } | { readonly error: string };

const words = (count: string): string[] => Array.from({ length: Number(count) }, (_, i) => `word ${i}`);

async function callGrpc(target: string, name: string, count: string): Promise<GrpcOutcome[]> {
  const Client = makeGenericClientConstructor(echoService, "Echo");
  const client = new Client(target, credentials.createInsecure());
  const call = (word: string): Promise<GrpcOutcome> =>
    new Promise((resolve) => {
      const { path } = echoService[name as keyof typeof echoService];
      const done = (error: ServiceError | null, content?: Buffer): void =>
        resolve(error ? { status: error.code, details: error.details } : { content: String(content) });
      client.makeUnaryRequest(path, asIs, asIs, Buffer.from(word), { deadline: Date.now() + 10_000 }, done);
    });
  const outcomes = await Promise.all(words(count).map(call));
  client.close();
  return outcomes;
}

function speakWebSocket(url: string, count: string): Promise<WebSocketOutcome> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, { handshakeTimeout: 10_000 });
    const echoed: string[] = [];
    socket.on("open", () => words(count).forEach((word) => socket.send(word)));
    socket.on("message", (content: Buffer) => {
      echoed.push(String(content));
      if (echoed.length === Number(count)) socket.close();
    });
    socket.on("close", () => resolve({ echoed }));
    socket.on("error", ({ message }) => resolve({ error: message }));
  });
}

const [kind, target = "", first = "", second = ""] = process.argv.slice(2);
if (import.meta.main) {
  const outcome = kind === "grpc" ? await callGrpc(target, first, second) : await speakWebSocket(target, first);
  process.stdout.write(JSON.stringify(outcome));
}
