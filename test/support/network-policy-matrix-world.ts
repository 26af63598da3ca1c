import type { Flow, Party } from "#policy/model/flow.ts";
import { type PolicyObject, subjectOf } from "#policy/model/object.ts";
import { PROTOCOLS, type Protocol } from "#policy/model/protocol.ts";
import { parseObjects } from "#policy/parse/objects.ts";

/** A pod of the matrix: of the namespaces x, y and z each has a, b and c. */
export interface MatrixPod {
  readonly namespace: string;
  readonly name: string;
  readonly address: string;
}

const NAMESPACES = ["x", "y", "z"];
const NAMES = ["a", "b", "c"];

const MATRIX_PODS: readonly MatrixPod[] = NAMESPACES.flatMap((namespace, i) =>
  NAMES.map((name, j) => ({ namespace, name, address: `10.4.${i}.${j + 1}` })),
);
const MATRIX_PORTS = [80, 81];

/** Namespaces and pods, one document each: names of ports are `serve-80-tcp` and the like. */
const WORLD = [
  ...NAMESPACES.map((name) =>
    JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels: { ns: name } } }),
  ),
  ...MATRIX_PODS.map(({ namespace, name, address }) => {
    const ports = MATRIX_PORTS.flatMap((containerPort) =>
      PROTOCOLS.map((protocol) => {
        return { name: `serve-${containerPort}-${protocol.toLowerCase()}`, containerPort, protocol };
      }),
    );
    return JSON.stringify({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace, name, labels: { pod: name } },
      spec: { containers: [{ name: "c", ports }] },
      status: { podIP: address },
    });
  }),
].join("\n---\n");

function parse(text: string): PolicyObject[] {
  const parsed = parseObjects(text, "matrix.yaml");
  if (!parsed.ok) throw new Error(parsed.errors.map(({ message }) => message).join("; "));
  return parsed.objects;
}

const world = parse(WORLD);

/** The world, and what a text says. */
export function matrixObjects(text: string): PolicyObject[] {
  return [...world, ...parse(text)];
}

export function matrixParties(): Map<MatrixPod, Party> {
  return new Map(
    MATRIX_PODS.map((pod) => {
      const object = world.find((one) => one.namespace === pod.namespace && one.name === pod.name);
      if (object?.kind !== "Pod") throw new Error(`there is no pod ${pod.namespace}/${pod.name}`);
      return [pod, { subject: subjectOf(object), address: pod.address }];
    }),
  );
}

interface MatrixProbe {
  readonly from: MatrixPod;
  readonly to: MatrixPod;
  readonly flow: Flow & { readonly protocol: Protocol };
}

/** Every pod to every pod, itself too, by every port. */
export function* matrixProbes(parties: ReadonlyMap<MatrixPod, Party>): Generator<MatrixProbe> {
  for (const [from, source] of parties) {
    for (const [to, destination] of parties) {
      for (const protocol of PROTOCOLS) {
        for (const port of MATRIX_PORTS) yield { from, to, flow: { source, destination, protocol, port } };
      }
    }
  }
}
