import type { ApiClient } from "#agent/api/client.ts";
import { LabError } from "#agent/local/errors.ts";
import { FlowLog } from "#agent/local/flow-log.ts";
import type { NetworkNamespace } from "#agent/local/network-namespace.ts";
import { LabPod } from "#agent/local/lab-pod.ts";
import { Traffic } from "#agent/local/traffic.ts";
import { until } from "#agent/local/until.ts";
import { addressesBeyond, Beyond } from "./beyond.ts";
import { podObjects } from "./objects.ts";
import { Objects } from "./objects-in-force.ts";
import type { Place } from "./place.ts";
import { type Family, type Names, type Party, type PassingPod, podNames } from "./scenario.ts";

/** What pods and the machine beyond the node serve, for both families. */
const served = {
  TCP: [80, 81, 8000, 8005, 8010, 8011, 8080, 9090],
  UDP: [53, 80, 81],
} as const;

/** On the node, at the address of the test's own link only. */
const servedByNode = { TCP: [61_080], UDP: [61_080] } as const;

/** Ports that no ordinary socket is given by the kernel: a flow is known by the port that it comes from. */
const firstPort = 61_100;
const lastPort = 65_500;

/** Everything that takes part in a run, on the node that is tested. */
export class World implements AsyncDisposable {
  readonly names: Names;
  readonly objects: Objects;
  readonly log: FlowLog;
  /** Aborted when the run is to end. */
  readonly signal: AbortSignal;
  readonly #place: Place;
  readonly #stack: AsyncDisposableStack;
  readonly #pods: Map<Party, LabPod>;
  readonly #beyond: Beyond;
  readonly #host: Traffic;
  #port = firstPort;

  private constructor(
    place: Place,
    stack: AsyncDisposableStack,
    parts: {
      readonly names: Names;
      readonly objects: Objects;
      readonly log: FlowLog;
      readonly signal: AbortSignal;
      readonly pods: Map<Party, LabPod>;
      readonly beyond: Beyond;
      readonly host: Traffic;
    },
  ) {
    this.#place = place;
    this.#stack = stack;
    this.names = parts.names;
    this.objects = parts.objects;
    this.log = parts.log;
    this.signal = parts.signal;
    this.#pods = parts.pods;
    this.#beyond = parts.beyond;
    this.#host = parts.host;
  }

  /** Adds the pods, and the machine beyond the node. Whatever it made is removed where that fails. */
  static async create(place: Place, signal: AbortSignal): Promise<World> {
    await using stack = new AsyncDisposableStack();
    const { lab, client } = place;
    const prefix = `weir-test-${lab.tag.replace(/^weir-lab-/, "").toLowerCase()}`;
    const names: Names = {
      prefix,
      namespace: prefix,
      neighbour: `${prefix}-neighbour`,
      ...addressesBeyond(process.pid),
    };
    const objects = stack.use(new Objects(client));
    // Before the pods: their named ports and the namespaces' labels are part of what they are.
    await objects.apply(podObjects(names));
    const pods = new Map<Party, LabPod>();
    for (const name of podNames) {
      signal.throwIfAborted();
      const namespace = name === "peer" ? names.neighbour : names.namespace;
      const pod = stack.use(new LabPod(place, { namespace, name, labels: { app: name } }));
      await pod.add();
      pods.set(name, pod);
    }
    const beyond = stack.use(new Beyond(place, names));
    await until("the node to know its address on the new link", async () =>
      (await client.bpf("ipcache")).some(({ prefix: known }) => known === `${names.node[4]}/32`),
    );
    if (place.isOwn) {
      await until("the link to be the node's own device", async () =>
        (await client.bpf("links")).some((one) => one.interface === beyond.link),
      );
    }
    const host = stack.use(new Traffic(place.namespace, (pid) => lab.track(pid)));
    const servers = [...pods.values(), beyond].map(({ traffic }) => traffic);
    await serve(servers, served, ["::"]);
    await serve([host], servedByNode, [names.node[4], names.node[6]]);
    const namespace = [names.namespace, names.neighbour];
    const log = stack.use(new FlowLog(client, undefined, { namespace }));
    return new World(place, stack.move(), { names, objects, log, signal, pods, beyond, host });
  }

  get client(): ApiClient {
    return this.#place.client;
  }

  /** Whether pods have addresses of it. */
  has(family: Family): boolean {
    return this.#pod("client").result.ips.some(({ address }) => address.includes(":") === (family === 6));
  }

  address(party: Party, family: Family): string {
    if (party === "node" || party === "outside" || party === "remote") return this.names[party][family];
    return family === 4 ? this.#pod(party).ipv4 : this.#pod(party).ipv6;
  }

  traffic(party: Party): Traffic {
    if (party === "node") return this.#host;
    return party === "outside" || party === "remote" ? this.#beyond.traffic : this.#pod(party).traffic;
  }

  namespace(party: Party): Pick<NetworkNamespace, "enter" | "path"> {
    if (party === "node") return this.#place.namespace;
    return party === "outside" || party === "remote" ? this.#beyond.namespace : this.#pod(party).namespace;
  }

  /** A port to send from that no other scenario has. */
  nextPort(): number {
    this.#port = this.#port === lastPort ? firstPort : this.#port + 1;
    return this.#port;
  }

  /**
   * One more pod of the test's own namespace; whoever asks disposes of it. Both such pods have one name: who asks
   * for an address again need not wait until it has rested.
   */
  async addPod(party: PassingPod, config: Readonly<Record<string, unknown>> = {}): Promise<LabPod> {
    const options = { namespace: this.names.namespace, name: "passing", labels: { app: party }, config };
    const pod = this.#stack.use(new LabPod(this.#place, options));
    await pod.add();
    this.#pods.set(party, pod);
    return pod;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  #pod(name: Party): LabPod {
    const pod = this.#pods.get(name);
    if (pod === undefined) throw new LabError("cni-failed", `find pod ${name}: it is not there`);
    return pod;
  }
}

async function serve(
  traffics: readonly Traffic[],
  ports: Readonly<Record<"TCP" | "UDP", readonly number[]>>,
  hosts: readonly string[],
): Promise<void> {
  const servers = traffics.flatMap((traffic) =>
    (["TCP", "UDP"] as const).flatMap((protocol) =>
      ports[protocol].flatMap((port) => hosts.map((host) => traffic.serve(protocol, port, "echo", host))),
    ),
  );
  await Promise.all(servers);
}
