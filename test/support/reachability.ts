import { expect } from "vitest";
import type { LabNode } from "#agent/local/lab-node.ts";
import { resolveParties } from "#policy/explain/parties.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import { type Probe, Prober, probeText } from "./probes.ts";
import { type AddPod, type ExtraLabels, makeWorld, type World, worldObjects } from "./reachability-world.ts";

/** What is in force, and who must not be reached by whom then. */
export interface ReachabilityStep {
  /** Policies, one document each. */
  readonly policies: readonly string[];
  readonly labels?: ExtraLabels;
  /** What a table that was written by hand says; undefined where it says nothing. */
  readonly isBlocked?: (probe: Probe) => boolean | undefined;
}

/** Sets policy after policy on a node, and compares who reaches whom with what ought to be. */
export class Reachability implements AsyncDisposable {
  readonly world: World;
  readonly #node: LabNode;
  readonly #prober: Prober;
  #steps = 0;

  private constructor(node: LabNode, world: World) {
    this.#node = node;
    this.world = world;
    this.#prober = new Prober(node, world);
  }

  static async create(node: LabNode, addPod: AddPod = (to, options) => to.addPod(options)): Promise<Reachability> {
    return new Reachability(node, await makeWorld(node, addPod));
  }

  /**
   * Brings a step into force and sends all probes: real packets, the oracle, `policy eval` and the table must agree.
   *
   * @returns the probes that reached their destination, in words.
   */
  async check({ policies, labels = {}, isBlocked }: ReachabilityStep, all: readonly Probe[]): Promise<string[]> {
    // So that each step is a change, also where it says what the one before said.
    const stamp = JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: `step-${this.#steps++}` } });
    const text = [...worldObjects(this.world, labels), ...policies, stamp].join("\n---\n");
    await this.#node.changeObjects("step.yaml", text);
    const parsed = parseObjects(text, "step.yaml");
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));

    const fates = new Map(all.map((one) => [one, this.#fate(parsed.objects, one)]));
    const probes = all.filter((one) => fates.get(one) !== "asked");

    const told = (list: readonly Probe[]): string[] => list.map(probeText);
    const reached = told(await this.#prober.reached(probes));
    expect(reached, "real packets, and the oracle").toEqual(told(probes.filter((one) => fates.get(one) === "open")));
    expect(reached, "real packets, and policy eval").toEqual(told(await this.#evaluatedOpen(probes)));
    if (!isBlocked) return reached;
    const known = probes.filter((one) => isBlocked(one) !== undefined);
    const open = new Set(reached);
    expect(
      told(known).filter((one) => open.has(one)),
      "real packets, and the table",
    ).toEqual(told(known.filter((one) => !isBlocked(one))));
    return reached;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#prober[Symbol.asyncDispose]();
  }

  /** `asked`: the proxy decides by what is in it, and these are no requests; such probes are not sent. */
  #fate(objects: readonly PolicyObject[], probe: Probe): "open" | "closed" | "asked" {
    const [from, to] = this.#addresses(probe);
    const parties = resolveParties(objects, from, to);
    if (!parties.ok) throw new Error(parties.error);
    const { egress, ingress } = judge(objects, { ...parties, ...question(probe) });
    const ends = [egress, ingress];
    if (ends.some(({ verdict }) => verdict === "deny")) return "closed";
    return ends.some(({ verdict, isPlain }) => verdict === "redirect" && !isPlain) ? "asked" : "open";
  }

  async #evaluatedOpen(probes: readonly Probe[]): Promise<Probe[]> {
    const open = new Set<Probe>();
    const left = probes.values();
    const ask = async (): Promise<void> => {
      for (const probe of left) {
        const [from, to] = this.#addresses(probe);
        const { verdict } = await this.#node.client.evaluate({ from, to, ...question(probe) });
        if (verdict !== "deny") open.add(probe);
      }
    };
    // A few at a time: the agent's socket has a short queue.
    await Promise.all(Array.from({ length: 8 }, ask));
    return probes.filter((probe) => open.has(probe));
  }

  #addresses({ from, to, family }: Probe): [string, string] {
    const address = (name: string): string => {
      const pod = this.world.get(name);
      if (!pod) throw new Error(`there is no pod ${name}`);
      return family === 4 ? pod.ipv4 : pod.ipv6;
    };
    return [address(from), address(to)];
  }
}

/** What policy is asked: of an echo request its type. */
function question({ protocol, port, family }: Probe) {
  if (protocol !== "ICMP") return { protocol, port };
  return family === 4 ? ({ protocol: "ICMP", port: 8 } as const) : ({ protocol: "ICMPv6", port: 128 } as const);
}

/** Every pair of pods by every protocol and port, of both families. */
export function allProbes(
  pods: readonly string[],
  protocols: readonly Probe["protocol"][],
  ports: readonly number[],
): Probe[] {
  return pods.flatMap((from) =>
    pods
      .filter((to) => to !== from)
      .flatMap((to) =>
        protocols.flatMap((protocol) =>
          (protocol === "ICMP" ? [0] : ports).flatMap((port) =>
            ([4, 6] as const).map((family) => ({ from, to, protocol, port, family })),
          ),
        ),
      ),
  );
}
