/** Runs inside a pod's network namespace and makes its traffic, as `Traffic` asks over the process channel. */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { request } from "node:http";
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
/** What ends an attempt that is under way, by the number of its request. */
const abandoners = new Map<number, () => void>();

type Waiter = PromiseWithResolvers<Outcome>;

function attemptTcp({ promise, resolve }: Waiter, target: Target, shape: AttemptShape): Promise<Outcome> {
  const { timeout, sourcePort, size } = shape;
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

function attemptUdp({ promise, resolve }: Waiter, target: Target, shape: AttemptShape): Promise<Outcome> {
  const { timeout, sourcePort, size } = shape;
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

/** One request of HTTP on a connection of its own. */
function askHttp(url: string, method: string, timeout: number): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const asked = request(url, { method, agent: false, timeout }, (answer) => {
    answer.resume();
    answer.on("close", () => resolve(answer.statusCode ?? 0));
  });
  asked.on("error", () => resolve(0));
  asked.on("timeout", () => asked.destroy());
  asked.end();
  return promise;
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

async function handle(id: number, asked: TrafficRequest): Promise<TrafficAnswer[TrafficRequest["kind"]]> {
  switch (asked.kind) {
    case "serve":
      await (asked.protocol === "TCP" ? serveTcp : serveUdp)(asked);
      return null;
    case "attempt": {
      const attempt = asked.target.protocol === "TCP" ? attemptTcp : attemptUdp;
      const waiter = Promise.withResolvers<Outcome>();
      abandoners.set(id, () => waiter.resolve("silent"));
      return attempt(waiter, asked.target, asked).finally(() => abandoners.delete(id));
    }
    case "ask":
      return askHttp(asked.url, asked.method, asked.timeout);
    case "abandon":
      // One that has ended meanwhile has told its outcome.
      abandoners.get(asked.attempt)?.();
      return null;
    case "start":
      return start(asked.target, asked);
    case "report":
      return streamOf(asked.stream).report();
    case "stop":
      return streamOf(asked.stream).stop();
  }
}

async function reply({ id, request }: Numbered): Promise<void> {
  let message: Reply;
  try {
    message = { id, answer: await handle(id, request) };
  } catch (error) {
    message = { id, error: (error as Error).message };
  }
  process.send?.(message);
}

process.on("message", (message: Numbered) => void reply(message));
process.on("disconnect", () => process.exit());
