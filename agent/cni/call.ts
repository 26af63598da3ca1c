import type { CniAnswer, CniCall, CniOutcome, PluginRun } from "#agent/api/cni.ts";
import type { AddressWish } from "#agent/endpoint/manager-options.ts";
import type { EndpointManager } from "#agent/endpoint/manager.ts";
import type { NetlinkConnection } from "#agent/netlink/connection.ts";
import { PodNamespace } from "#agent/net/pod-namespace.ts";
import type { NetworkConfig } from "./config.ts";
import { CniError, ErrorCode } from "./errors.ts";
import type { IpamLeases } from "./ipam-leases.ts";

/** What the verbs work on. Callers run them one at a time. */
export interface CniParts {
  readonly endpoints: EndpointManager;
  readonly leases: IpamLeases;
  /** Netlink in the node's network namespace, which the thread is in. */
  readonly host: NetlinkConnection;
  /** What annotations wish of a pod's addresses. */
  readonly addressWish: (namespace: string, pod: string) => AddressWish;
  /** Why an ADD from a pool, or from the default one, would fail now, in sentences. */
  readonly problems: (pool: string | undefined) => string[];
  /** Forgets a DEL that waits from an earlier attachment. */
  readonly forgetDeletion: (attachment: Pick<CniCall, "containerId" | "ifName">, kind: "interface" | "ipam") => void;
  /** Told what was undone without the caller's knowing why. */
  readonly undone: (error: unknown, what: string) => void;
}

/** A call with its configuration read. */
export interface Call extends Omit<CniCall, "config"> {
  readonly config: NetworkConfig;
}

export const nothing: CniOutcome = { output: null, exitCode: 0 };

export function result(output: Record<string, unknown>): CniOutcome {
  return { output, exitCode: 0 };
}

export function run(plugin: string, command: PluginRun["command"], state: unknown): CniAnswer {
  return { run: { plugin, command, state } };
}

/** The IPAM plugin that the configuration names; undefined: the agent gives the addresses. */
export function delegate({ config }: Call): string | undefined {
  const type = config.ipam?.type;
  return type === "" || type === "weir-ipam" ? undefined : type;
}

/** @throws CniError INVALID_ENVIRONMENT; NetError `netns`. */
export function openNamespace({ netns, namespace }: Call): PodNamespace {
  if (namespace === undefined) {
    throw new CniError(
      ErrorCode.INVALID_ENVIRONMENT,
      `CNI_NETNS ${JSON.stringify(netns)} was not opened by the plugin`,
    );
  }
  return new PodNamespace({ path: netns, ...namespace });
}

/** Whose interface it is. */
export function podOf({ args, containerId }: Call): { namespace: string; pod: string } {
  return { namespace: args["K8S_POD_NAMESPACE"] || "default", pod: args["K8S_POD_NAME"] || containerId };
}
