/**
 * What a plugin may print, for each version of the specification and with nothing beside it: sections "Success"
 * and "Error" of SPEC.md at the tags spec-v0.3.0 to spec-v1.1.0.
 */
import { isIPv4, isIPv6 } from "node:net";
import * as z from "zod";

/** Oldest first. */
export const versions = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
export type Version = (typeof versions)[number];

export const isAtLeast = (version: Version, other: Version): boolean =>
  versions.indexOf(version) >= versions.indexOf(other);

const address = z.string().refine((text) => isIPv4(text) || isIPv6(text), "an IP address");
const subnet = z.string().refine((text) => {
  const [host = "", bits = "", ...rest] = text.split("/");
  const most = isIPv4(host) ? 32 : isIPv6(host) ? 128 : -1;
  return rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= most;
}, "ADDRESS/BITS");
const mac = z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/);
const mtu = z.int().min(68).max(65_535);

const dns = z.strictObject({
  nameservers: z.array(address).optional(),
  domain: z.string().optional(),
  search: z.array(z.string()).optional(),
  options: z.array(z.string()).optional(),
});

const device = { name: z.string().min(1).max(15), mac: mac.optional(), sandbox: z.string().optional() };
const ip = { address: subnet, gateway: address.optional(), interface: z.int().min(0).optional() };
const route = { dst: subnet, gw: address.optional() };

const parts = {
  before1: {
    interface: z.strictObject(device),
    ip: z.strictObject({ ...ip, version: z.enum(["4", "6"]) }),
    route: z.strictObject(route),
  },
  "1.0.0": { interface: z.strictObject(device), ip: z.strictObject(ip), route: z.strictObject(route) },
  "1.1.0": {
    interface: z.strictObject({
      ...device,
      mtu: mtu.optional(),
      socketPath: z.string().optional(),
      pciID: z.string().optional(),
    }),
    ip: z.strictObject(ip),
    route: z.strictObject({
      ...route,
      mtu: mtu.optional(),
      advmss: z.int().positive().optional(),
      priority: z.int().min(0).optional(),
      table: z.int().min(0).optional(),
      scope: z.literal([0, 253, 254]).optional(),
    }),
  },
} as const;

function schemaOf(version: Version) {
  const shape = version === "1.1.0" || version === "1.0.0" ? parts[version] : parts.before1;
  return z
    .strictObject({
      cniVersion: z.literal(version),
      interfaces: z.array(shape.interface).optional(),
      ips: z.array(shape.ip as typeof parts.before1.ip | (typeof parts)["1.0.0"]["ip"]).optional(),
      routes: z.array(shape.route).optional(),
      dns: dns.optional(),
    })
    .superRefine(({ interfaces = [], ips = [] }, context) => {
      for (const entry of ips) {
        if (entry.interface !== undefined && entry.interface >= interfaces.length) {
          context.addIssue(`${entry.address} is of interface ${entry.interface} of ${interfaces.length}`);
        }
        if ("version" in entry && (entry.version === "4") !== isIPv4(entry.address.split("/")[0] ?? "")) {
          context.addIssue(`${entry.address} is not of IP version ${entry.version}`);
        }
      }
    });
}

export type AddResult = z.infer<ReturnType<typeof schemaOf>>;

/** Reads the result of ADD. @throws ZodError for whatever does not belong there. */
export function readResult(version: Version, output: unknown): AddResult {
  return schemaOf(version).parse(output);
}

export const errorObject = z.strictObject({
  // Plugins of old leave it out.
  cniVersion: z.enum(versions).optional(),
  code: z.int().positive(),
  msg: z.string().min(1),
  details: z.string().min(1).optional(),
});
export type ErrorObject = z.infer<typeof errorObject>;

export const versionAnswer = z.strictObject({
  cniVersion: z.string(),
  supportedVersions: z.array(z.enum(versions)).min(1),
});
