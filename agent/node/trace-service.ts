import { ApiError } from "#agent/api/errors.ts";
import type { TracePort } from "#agent/api/ports.ts";
import { nodeAddresses } from "#agent/net/node-addresses.ts";
import { RouteType } from "#agent/netlink/constants.ts";
import { NetlinkError } from "#agent/netlink/error.ts";
import { getRoute, parseRoute } from "#agent/netlink/route.ts";
import { SerialExecutor } from "#agent/runtime/serial-executor.ts";
import { trace } from "#agent/trace/tracer.ts";
import type { Device, Route, TraceWorld } from "#agent/trace/world.ts";
import { deviceAt } from "./device-at.ts";
import { NodeFlowContext } from "./flow-context.ts";
import { withLivePods } from "./live-pods.ts";
import type { NodeParts } from "./parts.ts";
import { evaluationPort, partiesOf } from "./policy-service.ts";

const asked = "trace a packet";

export function tracePort(parts: NodeParts): TracePort {
  // One at a time: worker threads have other things to do, too.
  const queue = new SerialExecutor();
  return { trace: (request) => queue.run(() => trace(new NodeWorld(parts), request)) };
}

/** The node as it is while one packet is traced. */
class NodeWorld implements TraceWorld {
  readonly kernel: NodeParts["kernel"];
  readonly flows: NodeFlowContext;
  readonly #parts: NodeParts;
  readonly #own: ReadonlySet<string>;

  constructor(parts: NodeParts) {
    this.#parts = parts;
    this.kernel = parts.kernel;
    this.flows = new NodeFlowContext(parts);
    this.#own = new Set(nodeAddresses(parts.connection));
  }

  addresses(request: Parameters<TraceWorld["addresses"]>[0]): ReturnType<TraceWorld["addresses"]> {
    const { policy, endpoints, config } = this.#parts;
    const objects = withLivePods(policy.objects, endpoints.list(), config.nodeName);
    const { source, destination } = partiesOf(this.#parts, objects, request, asked);
    for (const [{ address }, text] of [
      [source, request.from],
      [destination, request.to],
    ] as const) {
      if (address === undefined) throw new ApiError("not-found", { asked, obstacle: `pod ${text} has no address` });
    }
    const here = endpoints
      .list()
      .some(({ record }) => record.ipv4 === source.address || record.ipv6 === source.address);
    if (source.subject && !here) {
      const obstacle = `pod ${request.from} is not on this node, ${config.nodeName}`;
      throw new ApiError("not-found", { asked, obstacle, remedy: "ask the agent of its own node" });
    }
    return { source: source.address as string, destination: destination.address as string };
  }

  evaluate({
    from,
    to,
    protocol,
    port,
    source,
  }: Parameters<TraceWorld["evaluate"]>[0]): ReturnType<TraceWorld["evaluate"]> {
    const isIpv6 = source.includes(":");
    const question =
      protocol === "ICMP"
        ? ({ protocol: isIpv6 ? "ICMPv6" : "ICMP", port: isIpv6 ? 128 : 8 } as const)
        : { protocol, port };
    const outcome = evaluationPort(this.#parts).evaluate({ from, to, ...question });
    // Only a candidate could be wrong.
    if (!outcome.ok) throw new Error("trace: a question without a candidate was refused for its text");
    return outcome.evaluation;
  }

  isOwn(address: string): boolean {
    return this.#own.has(address);
  }

  device(ifindex: number): Device | null {
    const device = deviceAt(this.#parts.connection, ifindex);
    return device && { ifindex, name: device.name, mac: device.mac };
  }

  route(destination: string, from: { readonly source: string; readonly ifindex: number } | null): Route {
    const request = from ? getRoute(destination, { source: from.source, index: from.ifindex }) : getRoute(destination);
    try {
      const { type, index, gateway } = this.#parts.connection.get(request, parseRoute);
      const device = index === null || type !== RouteType.UNICAST ? null : this.device(index);
      if (!device) return { device: null, says: `no route leads to ${destination}` };
      return { device, says: `to ${destination}${gateway === null ? "" : ` via ${gateway}`} by ${device.name}` };
    } catch (error) {
      if (error instanceof NetlinkError && error.code === "kernel") return { device: null, says: error.message };
      throw error;
    }
  }
}
