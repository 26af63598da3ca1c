import type { FlowService } from "#agent/api/flow.ts";
import type { PolicyObject } from "#policy/model/object.ts";

/** Which service an address stands for: as its cluster address, or as the address of a pod that is behind no other. */
export class ServiceNames {
  #objects: readonly PolicyObject[] | null = null;
  #services = new Map<string, FlowService>();

  /** @param objects in force; read when they are others than at the last question. */
  at(address: string, objects: readonly PolicyObject[]): FlowService | undefined {
    if (objects !== this.#objects) {
      this.#services = servicesOf(objects);
      this.#objects = objects;
    }
    return this.#services.get(address);
  }
}

function servicesOf(objects: readonly PolicyObject[]): Map<string, FlowService> {
  const behind = new Map<string, FlowService | null>();
  for (const object of objects) {
    if (object.kind !== "EndpointSlice" || object.service === "") continue;
    const { service: name, namespace } = object;
    for (const address of object.addresses) {
      const known = behind.get(address);
      const isOther = known !== undefined && (known?.name !== name || known.namespace !== namespace);
      behind.set(address, isOther ? null : { name, namespace });
    }
  }
  const services = new Map<string, FlowService>();
  for (const [address, service] of behind) if (service) services.set(address, service);
  for (const object of objects) {
    if (object.kind !== "Service") continue;
    const { name, namespace, clusterIps = [] } = object;
    for (const address of clusterIps) services.set(address, { name, namespace });
  }
  return services;
}
