import type { CniAnswer, CniOutcome } from "#agent/api/cni.ts";
import { reasonOf } from "#agent/runtime/errors.ts";
import { type Call, type CniParts, delegate, nothing } from "./call.ts";
import { delegateFailure, runDelegate } from "./delegation.ts";
import { CniError, ErrorCode } from "./errors.ts";
import type { NetworkConfig } from "./config.ts";

/** Names an attachment in a set. */
export function attachmentKey({ containerId, ifName }: Pick<Call, "containerId" | "ifName">): string {
  return `${containerId}/${ifName}`;
}

/**
 * The attachments that the runtime still has.
 *
 * @throws CniError INVALID_CONFIG without the list: nobody said that everything is stale.
 */
export function validAttachments(config: NetworkConfig): ReadonlySet<string> {
  const list = config["cni.dev/valid-attachments"];
  if (list === undefined) {
    const message =
      "invalid network configuration: cni.dev/valid-attachments is missing: GC needs to know what is to stay";
    throw new CniError(ErrorCode.INVALID_CONFIG, message);
  }
  return new Set(list.map(({ containerID, ifname }) => attachmentKey({ containerId: containerID, ifName: ifname })));
}

/**
 * GC: releases every attachment of this network that the runtime does not have any more.
 * What fails does not keep the others; all failures are told at the end.
 */
export async function gc(parts: CniParts, call: Call): Promise<CniAnswer> {
  const { config, resume } = call;
  const valid = validAttachments(config);
  const plugin = delegate(call);
  if (plugin !== undefined && resume === undefined) return runDelegate(plugin, call);
  const failure = plugin !== undefined && resume ? delegateFailure(plugin, call, resume) : undefined;
  const stale = parts.endpoints
    .list()
    .map(({ record }) => record)
    .filter((record) => record.network === config.name && !valid.has(attachmentKey(record)));
  await releaseAll(stale, ({ containerId, ifName }) => parts.endpoints.release(containerId, ifName), failure);
  return failure ?? nothing;
}

/**
 * @param earlier what has failed already, to be told with the rest.
 * @throws CniError INCOMPLETE with what went wrong, when everything has been tried.
 */
export async function releaseAll<T extends Pick<Call, "containerId" | "ifName">>(
  stale: readonly T[],
  release: (attachment: T) => unknown,
  earlier?: CniOutcome,
): Promise<void> {
  const failures: string[] = [];
  for (const attachment of stale) {
    try {
      await release(attachment);
    } catch (error) {
      failures.push(`release ${attachment.ifName} of container ${attachment.containerId}: ${reasonOf(error)}`);
    }
  }
  if (failures.length === 0) return;
  const message = `GC: ${failures.length} of ${stale.length} stale attachments could not be released: ${failures[0]}`;
  const others = earlier ? [`IPAM plugin: ${JSON.stringify(earlier.output)}`] : [];
  throw new CniError(ErrorCode.INCOMPLETE, message, [...failures, ...others].join("\n"));
}
