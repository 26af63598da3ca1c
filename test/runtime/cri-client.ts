import { connect } from "node:net";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { RuntimeService } from "./cri.gen.ts";

/** As long as kubelet gives a call, in milliseconds. */
const patience = 120_000;

/** A container runtime's CRI, as kubelet calls it. */
export interface CriClient extends Client<typeof RuntimeService>, Disposable {}

/** @param socket path of the runtime's Unix socket. */
export function criClient(socket: string): CriClient {
  const baseUrl = "http://localhost";
  const manager = new Http2SessionManager(baseUrl, {}, { createConnection: () => connect(socket) });
  const transport = createGrpcTransport({ baseUrl, sessionManager: manager, defaultTimeoutMs: patience });
  return Object.assign(createClient(RuntimeService, transport), { [Symbol.dispose]: () => manager.abort() });
}
