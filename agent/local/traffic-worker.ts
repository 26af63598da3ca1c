/** Runs inside a pod's network namespace and makes its traffic, as `Traffic` asks over the process channel. */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { connect } from "node:net";
import type {
  AttemptShape,
  Numbered,
  Outcome,
  Reply,
  StreamShape,
  Target,
  TrafficAnswer,
  TrafficRequest,
} from "./traffic-protocol.ts";
import { serveTcp, serveUdp } from "./traffic-servers.ts";
import { TcpStream, type TrafficStream, UdpStream } from "./traffic-streams.ts";

const streams = new Map<number, TrafficStream>();

function attemptTcp(target: Target, { timeout, sourcePort, size }: AttemptShape): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const socket = connect({
    host: target.address,
    port: target.port,
    timeout,
    ...(sourcePort === 0 ? {} : { localPort: sourcePort }),
  });
  socket.on("connect", () => socket.write(Buffer.alloc(size)));
  socket.on("data", () => resolve("answered"));
  socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ETIMEDOUT" ? "silent" : "refused"));
  const timer = setTimeout(() => resolve("silent"), timeout);
  return promise.then((outcome) => {
    clearTimeout(timer);
    socket.unref();
    // With FIN after an answer; at once otherwise, or the kernel would go on trying.
    if (outcome === "answered") socket.end(() => socket.destroySoon());
    else socket.destroy();
    return outcome;
  });
}

function udpSocket(target: Target): UdpSocket {
  return createSocket(target.address.includes(":") ? "udp6" : "udp4");
}

function attemptUdp(target: Target, { timeout, sourcePort, size }: AttemptShape): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const socket = udpSocket(target);
  socket.on("message", () => resolve("answered"));
  socket.on("error", () => resolve("refused"));
  const send = () => socket.send(Buffer.alloc(size), (error) => error && resolve("refused"));
  let again: NodeJS.Timeout | undefined;
  // Connected, so that an ICMP error is told, and nobody else's datagram taken for the answer.
  socket.on("connect", () => {
    again = setInterval(send, Math.max(50, timeout / 4));
    send();
  });
  socket.bind(sourcePort, () => socket.connect(target.port, target.address));
  const timer = setTimeout(() => resolve("silent"), timeout);
  return promise.finally(() => {
    clearInterval(again);
    clearTimeout(timer);
    socket.close();
  });
}

async function start(target: Target, shape: StreamShape): Promise<number> {
  const kind = target.protocol === "TCP" ? TcpStream : UdpStream;
  const stream: TrafficStream = await kind.start(target, shape);
  const id = streams.size + 1;
  streams.set(id, stream);
  return id;
}

function streamOf(id: number): TrafficStream {
  const stream = streams.get(id);
  if (stream === undefined) throw new Error(`no stream ${id}`);
  return stream;
}

async function handle(request: TrafficRequest): Promise<TrafficAnswer[TrafficRequest["kind"]]> {
  switch (request.kind) {
    case "serve":
      await (request.protocol === "TCP" ? serveTcp : serveUdp)(request.port, request.service);
      return null;
    case "attempt": {
      const attempt = request.target.protocol === "TCP" ? attemptTcp : attemptUdp;
      return attempt(request.target, request);
    }
    case "start":
      return start(request.target, request);
    case "report":
      return streamOf(request.stream).report();
    case "stop":
      return streamOf(request.stream).stop();
  }
}

async function reply({ id, request }: Numbered): Promise<void> {
  let message: Reply;
  try {
    message = { id, answer: await handle(request) };
  } catch (error) {
    message = { id, error: (error as Error).message };
  }
  process.send?.(message);
}

process.on("message", (message: Numbered) => void reply(message));
process.on("disconnect", () => process.exit());
