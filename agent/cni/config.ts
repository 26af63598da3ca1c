import * as z from "zod";
import { parseCidr, parseAddress } from "#policy/model/cidr.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { optional } from "./optional.ts";
import { supportedVersions } from "./versions.ts";

/** The label that names a pod's service account; it is no label of the pod. */
const serviceAccountLabel = "io.kubernetes.serviceaccount.name";

const texts = z.array(z.string());
/** As in the CNI specification, section 5: what is not said is not there. */
const dns = z.object({
  nameservers: texts.optional(),
  domain: z.string().optional(),
  search: texts.optional(),
  options: texts.optional(),
});
export type Dns = z.infer<typeof dns>;

const subnet = z.string().refine((text) => parseCidr(text) !== null, "must be ADDRESS/BITS");
const address = z.string().refine((text) => parseAddress(text) !== null, "must be an IP address");

const attachment = z.object({ containerID: z.string(), ifname: z.string() });

// Fields that are not here are for others, or of a later version: they are tolerated.
const networkConfig = z.object({
  cniVersion: z.enum(supportedVersions),
  name: z.string(),
  /** Bytes of an IP packet: 68 is the least that IPv4 allows. */
  mtu: optional(z.int().min(68).max(65535)),
  ipam: optional(
    z.object({
      type: optional(z.string()),
      /** Of `weir-ipam`: the pool that addresses come from. */
      pool: optional(z.string()),
      /** Of `weir-ipam`: what the container reaches through the gateway; absent: everything. */
      routes: optional(z.array(z.object({ dst: subnet, gw: optional(address) }))),
    }),
  ),
  dns: optional(dns),
  args: optional(
    z.object({
      cni: optional(
        z.object({
          labels: optional(z.array(z.object({ key: z.string().min(1), value: z.string() }))),
          ips: optional(texts),
        }),
      ),
    }),
  ),
  runtimeConfig: optional(z.record(z.string(), z.unknown())),
  prevResult: optional(z.unknown()),
  "cni.dev/valid-attachments": optional(z.array(attachment)),
});

/** The network configuration of one call. */
export type NetworkConfig = Omit<z.infer<typeof networkConfig>, "args"> & {
  /** Of `args.cni.labels`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string | undefined;
  /** Of `args.cni.ips`: addresses that the runtime's caller asks for. */
  readonly askedAddresses: readonly string[];
};

/** @throws CniError INVALID_CONFIG. */
export function parseConfig(value: unknown): NetworkConfig {
  const result = networkConfig.safeParse(value);
  if (!result.success) {
    const problems = result.error.issues.map(({ path, message }) => `${path.map(String).join(".")}: ${message}`);
    throw new CniError(
      ErrorCode.INVALID_CONFIG,
      `invalid network configuration: ${problems[0] ?? "it has the wrong shape"}`,
      problems.join("\n"),
    );
  }
  const { args, ...config } = result.data;
  const labels = Object.fromEntries((args?.cni?.labels ?? []).map((entry) => [entry.key, entry.value]));
  const { [serviceAccountLabel]: serviceAccount, ...podLabels } = labels;
  return { ...config, labels: podLabels, serviceAccount, askedAddresses: args?.cni?.ips ?? [] };
}

/**
 * What DEL needs of a configuration: nothing else that is wrong in it, by an edit since ADD perhaps, keeps a container
 * from going. @throws CniError INVALID_CONFIG.
 */
export function parseConfigOfDel({ cniVersion, name, ipam }: Readonly<Record<string, unknown>>): NetworkConfig {
  const type = typeof ipam === "object" && ipam !== null && "type" in ipam ? ipam.type : undefined;
  return parseConfig({ cniVersion, name, ipam: { type } });
}
