import { refusal } from "./refusal.ts";

/** Where no namespace is said. */
const defaultNamespace = "default";

/** Hubble's name of a cluster that has none. */
export const clusterName = "default";

/** The beginning of a name, within a namespace; a null namespace is any. */
export interface NamePrefix {
  readonly namespace: string | null;
  readonly prefix: string;
}

/**
 * `xwing` (within namespace default), `kube-system/coredns-`, `kube-system/` (all of it), `/xwing` (of any namespace).
 *
 * @throws ApiError `bad-request` when it names neither.
 */
export function namePrefix(field: string, text: string): NamePrefix {
  const slash = text.indexOf("/");
  const namespace = slash === -1 ? defaultNamespace : text.slice(0, slash);
  const prefix = text.slice(slash + 1);
  if (text === "" || text === "/") throw refusal(field, "[NAMESPACE/]NAME-PREFIX is wanted");
  return { namespace: namespace === "" ? null : namespace, prefix };
}

/**
 * Whether a node is one that a pattern means: `k8s*`, `cluster/*.example.org`, `cluster/`.
 *
 * @throws ApiError `bad-request` when it is no pattern.
 */
export function matchesNode(pattern: string, node: string): boolean {
  const parts = pattern.split("/");
  if (pattern === "" || parts.length > 2) throw refusal("node_name", `${pattern} is no [CLUSTER/]NODE`);
  const [cluster = "", name = ""] = parts.length === 2 ? parts : ["", ...parts];
  const wanted = [domainPattern("node_name", cluster), domainPattern("node_name", name)];
  return [clusterName, node].every((text, i) => wanted[i] === "" || matchesStars(wanted[i] ?? "", text));
}

/** A pattern of domain names in its one form. @throws ApiError `bad-request` when it is none. */
export function domainPattern(field: string, text: string): string {
  const pattern = text.trim().toLowerCase().replace(/\.$/, "");
  if (/^[-a-z0-9_.*]*$/.test(pattern) && !pattern.endsWith(".")) return pattern;
  throw refusal(field, `${text} is no pattern of domain names`);
}

/** `*` stands for any run of characters. Takes time in proportion to the product of the lengths, at most. */
export function matchesStars(pattern: string, text: string): boolean {
  let p = 0;
  let star = -1;
  let resume = 0;
  for (let i = 0; i < text.length;) {
    if (pattern[p] === "*") {
      star = p++;
      resume = i;
    } else if (pattern[p] === text[i]) {
      p++;
      i++;
    } else if (star !== -1) {
      p = star + 1;
      i = ++resume;
    } else {
      return false;
    }
  }
  return /^\**$/.test(pattern.slice(p));
}
