import type { Party } from "#policy/model/flow.ts";
import type { PolicyObject } from "#policy/model/object.ts";

/**
 * Who has the addresses that objects speak of and that are no pod's: nodes, and the API server
 * behind the service `default/kubernetes`, which may run on a node. Keys are canonical texts.
 *
 * @param own The name of the node that is `host`; all others are `remote-node`.
 */
export function addressBook(objects: Iterable<PolicyObject>, own: string | null = null): Map<string, Party> {
  const book = new Map<string, Party>();
  const servers: string[] = [];
  for (const object of objects) {
    if (object.kind === "Node") {
      const reserved = object.name === own ? "host" : "remote-node";
      for (const address of object.addresses) {
        book.set(address, { address, reserved, nodeLabels: object.labels });
      }
    } else if (object.kind === "EndpointSlice" && object.namespace === "default" && object.service === "kubernetes") {
      for (const address of object.addresses) servers.push(address);
    }
  }
  for (const address of servers) {
    const known = book.get(address);
    // What comes from the own node is the node's own, whatever runs there.
    if (known?.reserved !== "host") book.set(address, { ...known, address, reserved: "kube-apiserver" });
  }
  return book;
}
