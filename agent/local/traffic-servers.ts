/** Servers of a pod. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Socket } from "node:net";
import { messageSize, type TrafficRequest } from "./traffic-protocol.ts";

/** Between two messages of a server that sends by itself, in milliseconds. */
const pace = 5;

type Serve = TrafficRequest & { readonly kind: "serve" };

export async function serveTcp({ port, service, host }: Serve): Promise<void> {
  const server =
    service === "http"
      ? createHttpServer((request, response) => response.end(`${request.method} ${request.url}\n`))
      : createServer({ noDelay: true }, (socket) => {
          socket.on("error", () => socket.destroy());
          if (service === "echo") socket.pipe(socket);
          else pour(socket);
        });
  server.listen({ port, host });
  await once(server, "listening");
}

function pour(socket: Socket): void {
  const timer = setInterval(() => {
    if (!socket.writableNeedDrain) socket.write(Buffer.alloc(messageSize));
  }, pace);
  socket.resume();
  socket.on("close", () => clearInterval(timer));
}

export async function serveUdp({ port, service, host }: Serve): Promise<void> {
  const socket = createSocket(host.includes(":") ? { type: "udp6", ipv6Only: false } : { type: "udp4" });
  socket.on("message", (data, from) => {
    const send = () => socket.send(data, from.port, from.address);
    if (service === "echo") send();
    else setInterval(send, pace);
  });
  // A client that went away makes the next send fail; the server goes on.
  socket.on("error", () => undefined);
  socket.bind(port, host);
  await once(socket, "listening");
}
