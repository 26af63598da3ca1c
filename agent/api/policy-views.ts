/** Policy objects, changes and evaluations as the API speaks of them. */
import * as z from "zod";

/** Where a rule stands. `file` is `kubernetes` and `line` null for objects of the API server. */
export const ruleDescription = z.object({
  kind: z.string(),
  namespace: z.string(),
  name: z.string(),
  /** `ingress[0]`: direction and index in the object. */
  rule: z.string(),
  file: z.string(),
  line: z.int().nullable(),
});
export type RuleDescription = z.infer<typeof ruleDescription>;

/** The rule that came closest to letting traffic through, and what kept it from doing so. */
export const nearestRule = ruleDescription.extend({ because: z.string() });
export type NearestRule = z.infer<typeof nearestRule>;

export const policyDescription = ruleDescription.omit({ rule: true });
export type PolicyDescription = z.infer<typeof policyDescription>;

/** Of a denial that no rule makes: the policies for which what no rule allows is denied. */
export const isolation = z.object({
  /** None: the enforcement mode `always`. */
  isolatedBy: z.array(policyDescription).max(32).readonly(),
  /** How many there are beyond those; missing: none. */
  isolatedByMore: z.int().optional(),
});
export type Isolation = z.infer<typeof isolation>;

/** An object in force. */
export const policyView = z.object({
  kind: z.string(),
  /** Empty for a cluster-wide object. */
  namespace: z.string(),
  name: z.string(),
  file: z.string(),
  line: z.int().nullable(),
  /** Who said so: the folder of `--objects`, `weir policy apply`, or the API server. */
  origin: z.enum(["objects", "applied", "kubernetes"]),
  /** The revision that brought it, in this form, into force. */
  revision: z.int(),
});
export type PolicyView = z.infer<typeof policyView>;

/** An object with its manifest, as JSON; null where the source text is gone. */
export const policyObjectView = policyView.extend({ manifest: z.unknown() });
export type PolicyObjectView = z.infer<typeof policyObjectView>;

/** Something that is staged, with the connections that it would have judged otherwise since it came into force. */
export const stagedView = ruleDescription.extend({
  /** Null: the object as a whole, for what it would deny because no rule allows it. */
  rule: z.string().nullable(),
  denied: z.int(),
  allowed: z.int(),
  redirected: z.int(),
  /** When it last would have. */
  last: z.string().nullable(),
});
export type StagedView = z.infer<typeof stagedView>;

/** YAML text and the name that errors and rules give to it. */
export const policyDocument = z.object({ text: z.string(), file: z.string().min(1).max(4096) });
export type PolicyDocument = z.infer<typeof policyDocument>;

export const locatedError = z.object({
  file: z.string(),
  line: z.int(),
  column: z.int(),
  field: z.string(),
  message: z.string(),
});
export type LocatedError = z.infer<typeof locatedError>;

export const validation = z.object({ errors: z.array(locatedError).readonly() });

/** Outcome of a change: what it touched, and the revision that is in force with it. */
export const policyChange = z.object({
  revision: z.int(),
  /** `KIND/NAMESPACE/NAME` */
  objects: z.array(z.string()).readonly(),
});
export type PolicyChange = z.infer<typeof policyChange>;

export const policyRevision = z.object({ revision: z.int() });

/** What is asked for on a connection. */
export const requestQuestion = z.discriminatedUnion("family", [
  z.object({
    family: z.literal("http"),
    method: z.string().min(1).max(64),
    /** As in the header `Host`; empty: none. */
    host: z.string().max(512),
    /** With its query, as it is sent; of CONNECT empty. */
    path: z.string().max(8192),
    headers: z.array(z.object({ name: z.string().min(1).max(256), value: z.string().max(8192) })).max(128),
  }),
  z.object({ family: z.literal("dns"), name: z.string().max(1024) }),
  /** The name that a TLS client asks for. */
  z.object({ family: z.literal("tls"), serverName: z.string().max(512) }),
]);
export type RequestQuestion = z.infer<typeof requestQuestion>;

export const evaluationRequest = z.object({
  /** `NAMESPACE/POD` or an address. */
  from: z.string().min(1).max(512),
  to: z.string().min(1).max(512),
  protocol: z.enum(["TCP", "UDP", "SCTP", "ICMP", "ICMPv6", "VRRP", "IGMP", "GRE", "IPIP", "ESP", "AH"]),
  /** ICMP: the type. Of protocols from VRRP on: 0. */
  port: z.int().min(0).max(65535),
  /** Missing: the question is about the connection only, and its verdict may be that requests are looked at. */
  request: requestQuestion.optional(),
  /** Objects that replace those of the same name, or join them, for this question only: of a file, or of several. */
  candidate: z.union([policyDocument, z.array(policyDocument)]).optional(),
});
export type EvaluationRequest = z.infer<typeof evaluationRequest>;

/** What all judging depends on: the objects as the engine has them, this node's pods among them, and how it reads them. */
export const policiesInForce = z.object({
  enforcement: z.enum(["default", "always", "never"]),
  cidrMatchesPods: z.union([z.literal("language"), z.boolean()]),
  objects: z.array(z.record(z.string(), z.unknown())).readonly(),
});
export type PoliciesInForce = z.infer<typeof policiesInForce>;

/** An end, new connections a second, and connections at one time. */
const ruleTerms = z.object({
  notAfter: z.string().optional(),
  rate: z.int().optional(),
  connections: z.int().optional(),
});
export type RuleTerms = z.infer<typeof ruleTerms>;

const decision = z.object({
  verdict: z.enum(["allow", "deny", "redirect"]),
  /** Empty for a default. */
  by: z.array(ruleDescription).readonly(),
  nearest: nearestRule.nullable(),
  ...isolation.partial().shape,
  /** What the rules of `by` are bound to, in their order; missing where none is. */
  terms: z.array(ruleTerms).readonly().optional(),
  /** What the datapath is known to do otherwise. */
  note: z.string().optional(),
});
export type Decision = z.infer<typeof decision>;

/** `staged`: what it would be if everything staged were in force; null where nothing staged has a say. */
const directionVerdict = decision.extend({ staged: decision.nullable() });

export const evaluation = z.object({
  /** Of both directions together. */
  verdict: z.enum(["allow", "deny", "redirect"]),
  egress: directionVerdict,
  ingress: directionVerdict,
});
export type Evaluation = z.infer<typeof evaluation>;

/** `endpoint`: only this one; missing: all. */
export const verificationRequest = z.object({ endpoint: z.int().optional() });
export type VerificationRequest = z.infer<typeof verificationRequest>;

/** One thing that a map of the kernel says otherwise than it should. */
export const mapDifference = z.object({
  map: z.enum(["bandwidths", "control", "endpoints", "interfaces", "ipcache", "limits", "policy"]),
  /** Those that it concerns; none: all, or nobody. */
  endpoints: z.array(z.int()).readonly(),
  /** The entry, and which part of it. */
  what: z.string(),
  /** Null: nothing should be there. */
  expected: z.string().nullable(),
  /** Null: nothing is there. */
  found: z.string().nullable(),
  /** The rules by which it should be as expected: `KIND NAMESPACE/NAME RULE`. */
  rules: z.array(z.string()).readonly(),
});
export type MapDifference = z.infer<typeof mapDifference>;

/** What a comparison of the kernel's maps with the policy in force has brought. */
export const verification = z.object({
  state: z.enum(["equal", "different"]),
  generation: z.int(),
  revision: z.int(),
  /** How many endpoints were looked at. */
  endpoints: z.int(),
  /** How many entries of maps were compared, bit by bit. */
  entries: z.int(),
  /** How many classes of traffic were judged by the maps and by the oracle. */
  classes: z.int(),
  /** How many classes were left out. */
  excluded: z.int(),
  /** The first hundred. */
  differences: z.array(mapDifference).readonly(),
  /** How many there are beyond those. */
  more: z.int(),
});
export type Verification = z.infer<typeof verification>;
