import { type CniVersion, isAtLeast, isSupported, supportedVersions } from "./cni-version.ts";
import { ErrorCode, failure, type Outcome } from "./errors.ts";
import { logLevels, type LogLevel } from "./log.ts";
import { anything, integer, list, match, object, oneOf, optional, record, text } from "./shape.ts";

/** The label that names a pod's service account; it is no label of the pod. */
const serviceAccountLabel = "io.kubernetes.serviceaccount.name";

export interface Dns {
  readonly nameservers?: readonly string[] | undefined;
  readonly domain?: string | undefined;
  readonly search?: readonly string[] | undefined;
  readonly options?: readonly string[] | undefined;
}

/** The network configuration that the runtime writes to stdin. */
export interface NetworkConfig {
  readonly cniVersion: CniVersion;
  readonly name: string;
  readonly runDir: string;
  readonly mtu: number | undefined;
  readonly logFile: string | undefined;
  readonly logLevel: LogLevel;
  readonly dns: Dns | undefined;
  /** Of `args.cni.labels`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string | undefined;
  readonly runtimeConfig: Readonly<Record<string, unknown>> | undefined;
  /** Not looked into yet: only CHECK needs it to be right. */
  readonly prevResult: unknown;
}

const absolutePath = text(/^\/[^\0]*$/, "an absolute path");
const label = object({ key: text(/./, "a label's key"), value: text() });

// Fields that are not here are for others, or of a later version: they are tolerated.
const shape = object({
  name: text(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/, 'letters, digits, "_", "." and "-"'),
  type: optional(text(/^[^/\\]+$/, "a name without slashes")),
  runDir: optional(absolutePath),
  mtu: optional(integer(68, 65535)),
  logFile: optional(absolutePath),
  logLevel: optional(oneOf(...logLevels)),
  ipam: optional(object({ type: optional(text()) })),
  dns: optional(
    object<Dns>({
      nameservers: optional(list(text())),
      domain: optional(text()),
      search: optional(list(text())),
      options: optional(list(text())),
    }),
  ),
  args: optional(object({ cni: optional(object({ labels: optional(list(label)) })) })),
  runtimeConfig: optional(record(anything)),
  prevResult: optional(anything),
});

/** The version that a configuration asks for, where it is one that we speak. */
export function versionOf(value: unknown): CniVersion | undefined {
  const version = typeof value === "object" && value !== null && "cniVersion" in value ? value.cniVersion : undefined;
  return isSupported(version) ? version : undefined;
}

/** Reads stdin's text; {@link parseConfig} tells what it means. */
export function parseJson(input: string): Outcome<unknown> {
  try {
    return { ok: true, value: JSON.parse(input) };
  } catch (error) {
    return failure(ErrorCode.DECODE, `decode network configuration: ${(error as Error).message}`);
  }
}

/** @param since the first version that has the command. */
export function parseConfig(value: unknown, command: string, since: CniVersion): Outcome<NetworkConfig> {
  const cniVersion = versionOf(value);
  if (!cniVersion) return failure(ErrorCode.INCOMPATIBLE_VERSION, describeVersion(value), supported);
  if (!isAtLeast(cniVersion, since)) {
    const message = `cniVersion ${cniVersion} does not have ${command}, which came with ${since}`;
    return failure(ErrorCode.INCOMPATIBLE_VERSION, message, supported);
  }
  const outcome = match(shape, value);
  if (!outcome.ok) return failure(ErrorCode.INVALID_CONFIG, `invalid network configuration: ${outcome.error}`);
  const { name, runDir, mtu, logFile, logLevel, ipam, dns, args, runtimeConfig, prevResult } = outcome.value;
  if (ipam?.type) {
    const message = `unsupported field ipam.type: ${JSON.stringify(ipam.type)}; the agent gives the addresses`;
    return failure(ErrorCode.UNSUPPORTED_FIELD, message);
  }
  const labels = Object.fromEntries((args?.cni?.labels ?? []).map((entry) => [entry.key, entry.value]));
  const { [serviceAccountLabel]: serviceAccount, ...podLabels } = labels;
  return {
    ok: true,
    value: {
      cniVersion,
      name,
      runDir: runDir ?? "/run/weir",
      mtu,
      logFile,
      logLevel: logLevel ?? "warn",
      dns,
      labels: podLabels,
      serviceAccount,
      runtimeConfig,
      prevResult,
    },
  };
}

const supported = `supported versions: ${supportedVersions.join(", ")}`;

function describeVersion(value: unknown): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return "network configuration is not an object";
  }
  const version = "cniVersion" in value ? value.cniVersion : undefined;
  return version === undefined
    ? "cniVersion is missing from the network configuration"
    : `cniVersion ${JSON.stringify(version)} is not supported`;
}
