/** CiliumNetworkPolicies about requests, of the namespace `default`, as a file of the objects folder has them. */

export interface L7PolicyOptions {
  readonly name: string;
  /** The value of `app` of those that it selects. */
  readonly app: string;
  /** In YAML's flow style; missing: nothing is said of the direction. */
  readonly ingress?: readonly string[];
  readonly egress?: readonly string[];
}

export function l7Policy({ name, app, ingress, egress }: L7PolicyOptions): string {
  const direction = (word: string, rules: readonly string[] | undefined): string[] =>
    rules === undefined ? [] : [`  ${word}:`, ...rules.map((rule) => `    - ${rule}`)];
  return [
    "apiVersion: cilium.io/v2",
    "kind: CiliumNetworkPolicy",
    `metadata: {name: ${name}, namespace: default}`,
    "spec:",
    `  endpointSelector: {matchLabels: {app: ${app}}}`,
    ...direction("ingress", ingress),
    ...direction("egress", egress),
  ].join("\n");
}

/** A rule's `toPorts` for requests on a TCP port: `http("80", "{method: GET}")`. */
export function http(port: number, ...rules: readonly string[]): string {
  return `toPorts: [{ports: [{port: "${port}", protocol: TCP}], rules: {http: [${rules.join(", ")}]}}]`;
}

/** A rule's `toPorts` that asks nothing of requests. */
export function tcp(port: number): string {
  return `toPorts: [{ports: [{port: "${port}", protocol: TCP}]}]`;
}
