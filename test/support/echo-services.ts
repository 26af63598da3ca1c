/**
 * A server of gRPC and one of WebSockets, which send back what they are sent: `echo-services.ts GRPC-PORT WEBSOCKET-PORT`, on
 * all addresses.
 */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { WebSocketServer } from "ws";
import { echoService } from "./echo-client.ts";

const [grpcPort, webSocketPort] = process.argv.slice(2);

const server = new Server();
server.addService(echoService, {
  say: (call: { request: Buffer }, answer: (error: null, content: Buffer) => void) => answer(null, call.request),
  shout: (call: { request: Buffer }, answer: (error: null, content: Buffer) => void) => answer(null, call.request),
});
server.bindAsync(`[::]:${grpcPort}`, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});

new WebSocketServer({ host: "::", port: Number(webSocketPort) }).on("connection", (socket) => {
  socket.on("message", (content: Buffer, isBinary) => socket.send(content, { binary: isBinary }));
});
