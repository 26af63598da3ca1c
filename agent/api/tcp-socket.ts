import type { Server } from "node:net";
import { reasonOf } from "#agent/runtime/errors.ts";
import { ApiError } from "./errors.ts";

/** An address of the node's, and a port. */
export interface TcpAddress {
  readonly host: string;
  readonly port: number;
}

/** `192.0.2.1:9964`, `[2001:db8::1]:9964` */
export function tcpAddressText({ host, port }: TcpAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** @throws ApiError `socket`. */
export async function listenOnTcp(server: Server, tcp: TcpAddress, option: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ host: tcp.host, port: tcp.port }, resolve);
  try {
    await promise;
  } catch (error) {
    const asked = `listen on ${tcpAddressText(tcp)}`;
    const remedy = `use another ${option}, or none`;
    throw new ApiError("socket", { asked, obstacle: reasonOf(error), remedy }, { cause: error });
  }
  server.removeListener("error", reject);
}
