import { MapFullError } from "#agent/datapath/map-full-error.ts";
import { PolicyTooLargeError } from "#policy/compile/errors.ts";
import { type Governed, isNodeSubject } from "#policy/model/identity.ts";

export type EndpointErrorCode = "policy-too-large" | "not-found" | "exists" | "interface-missing" | "not-ready";

/** What can go wrong with an endpoint; the message says what was asked and what stood in the way. */
export class EndpointError extends Error {
  override readonly name = "EndpointError";
  readonly code: EndpointErrorCode;

  constructor(code: EndpointErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  static policyTooLarge(subject: Governed, size: number, capacity: number): EndpointError {
    const isNode = isNodeSubject(subject);
    const labels = Object.entries(isNode ? subject.nodeLabels : subject.labels).map(
      ([key, value]) => `${key}=${value}`,
    );
    const whose = isNode ? "this node" : `pods in namespace ${subject.namespace}`;
    return new EndpointError(
      "policy-too-large",
      `put policy in force: the policy of ${whose} with labels {${labels.join(", ")}} has ` +
        `${size} entries and a policy map holds ${capacity}; the old policy stays. Use fewer or wider rules, or raise --policy-map-entries`,
    );
  }

  static tooManyPrefixes(count: number, capacity: number): EndpointError {
    return new EndpointError(
      "policy-too-large",
      `put policy in force: pods, nodes and the CIDRs of rules, old and new, are ${count} prefixes and the ipcache holds ` +
        `${capacity}; the old policy stays. Use fewer or wider CIDRs, or raise --ipcache-entries`,
    );
  }

  static tooManyPolicies(count: number, capacity: number): EndpointError {
    return new EndpointError(
      "policy-too-large",
      `put policy in force: old and new policies together are ${count} and the map policy holds ${capacity}; ` +
        "the old policy stays. Raise --endpoints-max",
    );
  }

  static notGuardable(cause: EndpointError): EndpointError {
    return new EndpointError(
      "not-ready",
      `attach a pod: the policy that the agent found at its start is refused, so none can be given to it (${cause.message})`,
      { cause },
    );
  }

  /** @param cause why no policy is in force; null: the endpoint is not. */
  static notRegenerable(id: number, cause: EndpointError | null): EndpointError {
    const why = cause ? `the policy of the agent's start is refused (${cause.message})` : "it is not in force";
    return new EndpointError("not-ready", `regenerate endpoint ${id}: ${why}`, { cause });
  }

  static notVerifiable(cause: EndpointError): EndpointError {
    return new EndpointError(
      "not-ready",
      `verify policy: the policy that the agent found at its start is refused; what the kernel holds is that of an earlier life (${cause.message})`,
      { cause },
    );
  }

  static slotTooLarge(slot: number, size: number, capacity: number): EndpointError {
    return new EndpointError(
      "policy-too-large",
      `add a peer to policy slot ${slot}: it would have ${size} entries and a policy map holds ${capacity}; raise --policy-map-entries`,
    );
  }
}

/**
 * Compiles, and makes a refusal of what would take too long, or what a map has no room for.
 *
 * @throws EndpointError `policy-too-large`.
 */
export function compiling<T>(compile: () => T): T {
  try {
    return compile();
  } catch (cause) {
    if (!(cause instanceof PolicyTooLargeError || cause instanceof MapFullError)) throw cause;
    throw new EndpointError("policy-too-large", `put policy in force: ${cause.message}; the old policy stays`, {
      cause,
    });
  }
}
