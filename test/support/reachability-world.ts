import type { LabPod, LabPodOptions } from "#agent/local/lab-pod.ts";
import type { LabNode } from "#agent/local/lab-node.ts";
import { PROTOCOLS } from "#policy/model/protocol.ts";

export const NAMESPACES = ["x", "y", "z"] as const;
const NAMES = ["a", "b", "c"] as const;

/** Pods of the world, `NAMESPACE/POD`: each has the label `pod` with its name. */
export const WORLD_PODS = NAMESPACES.flatMap((namespace) => NAMES.map((name) => `${namespace}/${name}`));

/** Ports that every pod serves; they are named `serve-80-tcp` and the like. */
export const WORLD_PORTS = [80, 81] as const;

export type World = ReadonlyMap<string, LabPod>;

/** How a pod of the world is made. */
export type AddPod = (node: LabNode, options: LabPodOptions) => Promise<LabPod>;

/** Makes the pods, with servers for TCP and UDP. */
export async function makeWorld(node: LabNode, addPod: AddPod): Promise<World> {
  const world = new Map<string, LabPod>();
  for (const pod of WORLD_PODS) {
    const [namespace = "", name = ""] = pod.split("/");
    world.set(pod, await addPod(node, { namespace, name, labels: { pod: name } }));
  }
  for (const { traffic } of world.values()) {
    for (const port of WORLD_PORTS) for (const protocol of ["TCP", "UDP"] as const) await traffic.serve(protocol, port);
  }
  return world;
}

/** Labels beside the usual ones, by namespace or `NAMESPACE/POD`. */
export type ExtraLabels = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Namespaces and pods as objects, one document each: JSON is YAML, too. */
export function worldObjects(world: World, labels: ExtraLabels = {}): string[] {
  const ports = WORLD_PORTS.flatMap((containerPort) =>
    PROTOCOLS.map((protocol) => {
      return { name: `serve-${containerPort}-${protocol.toLowerCase()}`, containerPort, protocol };
    }),
  );
  const namespaces = NAMESPACES.map((name) => {
    return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels: { ns: name, ...labels[name] } } };
  });
  const pods = [...world].map(([full, { podNamespace: namespace, name, ipv4, ipv6 }]) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels: { pod: name, ...labels[full] } },
    spec: { containers: [{ name: "c", ports }] },
    status: { podIP: ipv4, podIPs: [{ ip: ipv4 }, { ip: ipv6 }] },
  }));
  return [...namespaces, ...pods].map((object) => JSON.stringify(object));
}
