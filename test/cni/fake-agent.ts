import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import { text } from "node:stream/consumers";

import {
  activationRequest,
  type Attachment,
  attachment as attachmentSchema,
  attachmentRequest,
  type AttachmentRequest,
  type AttachmentStatus,
  checkRequest,
} from "#agent/api/attachment.ts";
import { hostInterfaceName } from "#agent/api/host-interface.ts";
import { ensureHostSide } from "#agent/net/host-sides.ts";
import { type OnNode, retireHostSide } from "#agent/net/retire-host-side.ts";
import { NetlinkSocket } from "#agent/net/netlink-socket.ts";
import { withNetns } from "#agent/net/netns.ts";
import { NetlinkConnection } from "#agent/netlink/connection.ts";

const hostMac = "02:00:0a:00:00:01";

/** What the fake refuses, by the last word of the request's path. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/**
 * Stands in for the agent: gives addresses and brings host sides up, and nothing more.
 * Takes requests by the real schemas, so that the binary cannot ask for what the agent
 * would refuse.
 */
export class FakeAgent implements AsyncDisposable {
  readonly requests: AttachmentRequest[] = [];
  readonly attachments = new Map<string, Attachment>();
  /** Requests that came to be released, in order. */
  readonly released: string[] = [];
  families: { ipv4: boolean; ipv6: boolean } = { ipv4: true, ipv6: true };
  refuse: Partial<Record<"create" | "activate" | "release" | "check", Refusal>> = {};
  problems: string[] = [];
  status: AttachmentStatus = { ready: true, limited: false, problems: [] };
  /** Whether a release removes the veth. */
  removes = true;
  /** Called when an activation arrives, before it is answered. */
  onActivate: () => void = () => undefined;
  readonly #server: Server;
  readonly #netns: string;
  #next = 1;

  private constructor(netns: string) {
    this.#netns = netns;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** @param netns path of the namespace that is the node's. */
  static async listen(runDir: string, netns: string): Promise<FakeAgent> {
    const agent = new FakeAgent(netns);
    agent.#server.listen(`${runDir}/agent.sock`);
    await once(agent.#server, "listening");
    return agent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const reply = (status: number, value: unknown) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    };
    try {
      const [status, value] = await this.#serve(`${request.method}`, new URL(`${request.url}`, "http://weir"), body);
      reply(status, value);
    } catch (error) {
      reply(500, { error: { code: "internal", message: (error as Error).message } });
    }
  }

  async #serve(method: string, url: URL, body: string): Promise<[number, unknown]> {
    const verb = url.pathname.replace("/v1/attachments", "").replace(/^\/\d+/, "");
    const name = { "": method === "DELETE" ? "release" : "create", "/activate": "activate", "/check": "check" }[verb];
    const refusal = this.refuse[name as keyof typeof this.refuse];
    if (refusal) return [refusal.status, { error: { code: refusal.code, message: refusal.message } }];
    if (verb === "/status") return [200, this.status];
    if (name === "release") return [200, { released: await this.#release(url.searchParams) }];
    const value: unknown = JSON.parse(body);
    if (name === "create") return [201, this.#create(attachmentRequest.parse(value))];
    if (name === "check") return [200, { problems: checkRequest.parse(value) && this.problems }];
    return this.#activate(Number(url.pathname.split("/")[3]), activationRequest.parse(value).ifindex);
  }

  #create(request: AttachmentRequest): Attachment {
    const number = this.#next++;
    const attachment = attachmentSchema.parse({
      id: number,
      hostInterface: hostInterfaceName(request.containerId, request.ifName),
      mac: `02:00:0a:00:01:${number.toString(16).padStart(2, "0")}`,
      hostMac,
      mtu: request.mtu ?? 1450,
      ipv4: this.families.ipv4 ? { address: `10.88.0.${number + 1}`, prefix: 32, gateway: "10.88.0.1" } : null,
      ipv6: this.families.ipv6 ? { address: `fd88::${number + 1}`, prefix: 128, gateway: "fd88::1" } : null,
    });
    this.requests.push(request);
    this.attachments.set(`${request.containerId}/${request.ifName}`, attachment);
    return attachment;
  }

  #activate(id: number, ifindex: number): [number, unknown] {
    this.onActivate();
    const attachment = [...this.attachments.values()].find((candidate) => candidate.id === id);
    if (!attachment) return [404, { error: { code: "not-found", message: `no attachment ${id}` } }];
    const { hostInterface, mac, mtu, ipv4, ipv6 } = attachment;
    const addresses = [ipv4, ipv6].filter((family) => family !== null);
    const outcome = withNetns(this.#netns, () => {
      using socket = NetlinkSocket.open();
      const spec = { name: hostInterface, mac: hostMac, podMac: mac, mtu, addresses };
      return ensureHostSide(new NetlinkConnection(socket), spec);
    });
    if (outcome.ifindex !== ifindex) throw new Error(`ifindex ${ifindex} is not ${outcome.ifindex}`);
    return [200, { id, state: "ready" }];
  }

  async #release(query: URLSearchParams): Promise<boolean> {
    const key = `${query.get("containerId")}/${query.get("ifName")}`;
    this.released.push(key);
    const attachment = this.attachments.get(key);
    if (!attachment) return false;
    const onNode: OnNode = (run) => withNetns(this.#netns, run as never);
    using socket = onNode(() => NetlinkSocket.open());
    if (this.removes) await retireHostSide(new NetlinkConnection(socket), attachment.hostInterface, onNode);
    return this.attachments.delete(key);
  }
}
