/**
 * The attachment API: what the CNI binary asks of the agent, in HTTP/1.1 and JSON on
 * the Unix socket `<runDir>/agent.sock`.
 *
 * | request | answer |
 * |---|---|
 * | `POST /v1/attachments` {@link AttachmentRequest} | 201 {@link Attachment}: addresses are reserved, no interface exists yet |
 * | `POST /v1/attachments/ID/activate` {@link ActivationRequest} | 200 {@link Activation}: programs attached, host side up, policy in force |
 * | `DELETE /v1/attachments?containerId=&ifName=` | 200 {@link Release}; idempotent |
 * | `POST /v1/attachments/check` {@link CheckRequest} | 200 {@link CheckReport} |
 * | `GET /v1/attachments/status` | 200 {@link AttachmentStatus} |
 *
 * Every other status carries an {@link ErrorBody}. 400: the request is wrong. 404: no
 * such attachment. 409: it exists already. 503: try again later. 500: anything else.
 *
 * The CNI binary imports only the types: loading a schema library would be half of its
 * start-up time.
 */
import * as z from "zod";

/** As in the CNI specification: a letter or digit, then letters, digits, `_`, `.`, `-`. */
const containerId = z
  .string()
  .max(253)
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/);

/** A name that Linux accepts for a device: at most 15 bytes, no slash, colon or white space. */
const interfaceName = z.string().regex(/^(?!\.{1,2}$)[^\s/:]{1,15}$/);

const mac = z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/);

/** Bytes of an IP packet: 68 is the least that IPv4 allows. */
const mtu = z.int().min(68).max(65535);

export const attachmentRequest = z.object({
  containerId,
  ifName: interfaceName,
  /** Path of the container's network namespace. */
  netns: z.string().startsWith("/"),
  /** CNI_ARGS: `K8S_POD_NAMESPACE`, `K8S_POD_NAME`, `K8S_POD_UID`, ... */
  args: z.record(z.string(), z.string()),
  /** Of `args.cni.labels`, without the service account's. The API server's labels go before them. */
  labels: z.record(z.string(), z.string()),
  /** Of the label `io.kubernetes.serviceaccount.name`; absent: not said. */
  serviceAccount: z.string().min(1).optional(),
  /** Asked for by the network configuration; absent: the agent's choice. */
  mtu: mtu.optional(),
  /** The configuration's `runtimeConfig`, as the runtime gave it. */
  runtimeConfig: z.record(z.string(), z.unknown()).optional(),
});
export type AttachmentRequest = z.infer<typeof attachmentRequest>;

const family = z.object({
  /** The pod's address, without a prefix. */
  address: z.string(),
  /** 32 or 128: a pod shares no link with anybody. */
  prefix: z.int().min(0).max(128),
  /** The address that the pod's default route goes through; on link. */
  gateway: z.string(),
});
/** One family's share of an {@link Attachment}. */
export type AttachmentAddress = z.infer<typeof family>;

export const attachment = z.object({
  /** Number of the endpoint. */
  id: z.int().positive(),
  /** Name of the host side of the veth; the CNI binary creates it, down. */
  hostInterface: interfaceName,
  /** Of the pod's side. */
  mac,
  /** Of the host's side. */
  hostMac: mac,
  mtu,
  ipv4: family.nullable(),
  ipv6: family.nullable(),
});
export type Attachment = z.infer<typeof attachment>;

export const activationRequest = z.object({
  /** Index of the host side, in the agent's network namespace. */
  ifindex: z.int().positive(),
  /** Inode number of the container's network namespace: tells it from a later one on the same path. */
  netnsInode: z.int().positive().optional(),
});
export type ActivationRequest = z.infer<typeof activationRequest>;

/** The endpoint as `weir endpoint get` shows it; callers need no more than its number. */
export const activation = z.looseObject({ id: z.int().positive() });
export type Activation = z.infer<typeof activation>;

export const releaseQuery = z.object({ containerId, ifName: interfaceName });
export type ReleaseQuery = z.infer<typeof releaseQuery>;

/** `released` is false when there was nothing to release. */
export const release = z.object({ released: z.boolean() });
export type Release = z.infer<typeof release>;

export const checkRequest = z.object({
  containerId,
  ifName: interfaceName,
  /** The addresses that the result of ADD named, without prefixes. */
  addresses: z.array(z.string()),
  hostInterface: interfaceName,
});
export type CheckRequest = z.infer<typeof checkRequest>;

/** One sentence for each thing that is missing or wrong; empty when all is well. */
export const checkReport = z.object({ problems: z.array(z.string()) });
export type CheckReport = z.infer<typeof checkReport>;

export const attachmentStatus = z.object({
  /** Whether an ADD would be served now. */
  ready: z.boolean(),
  /** Whether pods that exist already may be cut off or unguarded. */
  limited: z.boolean(),
  problems: z.array(z.string()),
});
export type AttachmentStatus = z.infer<typeof attachmentStatus>;

export const errorBody = z.object({
  error: z.object({
    /** A word of a closed list, e.g. `pool-exhausted`. */
    code: z.string(),
    /** A whole sentence: what was asked, what stood in the way. */
    message: z.string(),
    details: z.string().optional(),
  }),
});
export type ErrorBody = z.infer<typeof errorBody>;
