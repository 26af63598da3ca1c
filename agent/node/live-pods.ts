import type { EndpointManager } from "#agent/endpoint/manager.ts";
import { objectKey, type PodObject, type PolicyObject } from "#policy/model/object.ts";

type Endpoints = ReturnType<EndpointManager["list"]>;

/**
 * Objects with this node's pods as they are, whether an object speaks of them or not. Nobody else has their
 * addresses. Labels are all that there are: policies other than those in force may name them.
 */
export function withLivePods(
  objects: readonly PolicyObject[],
  endpoints: Endpoints,
  nodeName: string,
): readonly PolicyObject[] {
  const told = new Map(objects.filter((object) => object.kind === "Pod").map((pod) => [objectKey(pod), pod]));
  const live = endpoints.map(({ record }): PodObject => {
    const { namespace, pod: name, ipv4, ipv6 } = record;
    const known = told.get(objectKey({ kind: "Pod", namespace, name }));
    return {
      kind: "Pod",
      namespace,
      name,
      source: { file: "node", line: null },
      labels: known?.labels ?? record.labels,
      serviceAccount: known?.serviceAccount ?? record.serviceAccount,
      namedPorts: known?.namedPorts ?? [],
      addresses: [ipv4, ipv6].filter((address) => address !== null),
      hostNetwork: false,
      nodeName,
    };
  });
  const taken = new Set(live.flatMap(({ addresses }) => addresses));
  return overlay(
    objects.map((object) => (object.kind === "Pod" ? without(object, taken) : object)),
    live,
  );
}

/** Objects with others in place of their namesakes, or beside them. */
export function overlay(objects: readonly PolicyObject[], others: readonly PolicyObject[]): PolicyObject[] {
  return [...new Map([...objects, ...others].map((object) => [objectKey(object), object])).values()];
}

function without(pod: PodObject, taken: ReadonlySet<string>): PodObject {
  const addresses = pod.addresses.filter((address) => !taken.has(address));
  return addresses.length === pod.addresses.length ? pod : { ...pod, addresses };
}
