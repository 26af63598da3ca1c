/** Questions about policies that are not in force, as the API speaks of them. */
import * as z from "zod";
import { nearestRule, policyDocument, ruleDescription } from "./policy-views.ts";

/** The YAML document that defines an object in force. */
export const policyObjectText = z.object({
  file: z.string(),
  /** Of the file: where `text` begins. */
  line: z.int(),
  text: z.string(),
});
export type PolicyObjectText = z.infer<typeof policyObjectText>;

export const diffRequest = z.strictObject({
  /** Its objects take the place of their namesakes, or stand beside those in force. */
  candidate: policyDocument,
  /** Its policies take the place of all others, too. */
  replace: z.boolean().optional(),
});
export type DiffRequest = z.infer<typeof diffRequest>;

const verdict = z.enum(["allow", "deny", "redirect"]);
const direction = z.enum(["ingress", "egress"]);
const ruleList = z.array(ruleDescription).readonly();

const groupMember = z.object({
  kind: z.string(),
  name: z.string(),
  except: z.array(z.string()).readonly().optional(),
  families: z
    .array(z.union([z.literal(4), z.literal(6)]))
    .readonly()
    .optional(),
  names: z
    .object({ known: z.array(z.array(z.string()).readonly()).readonly(), unknown: z.array(z.string()).readonly() })
    .optional(),
});

const partyGroup = z.object({
  kind: z.string(),
  /** For people. */
  description: z.string(),
  /** One of them: `NAMESPACE/POD`, or an address. */
  example: z.string(),
  count: z.int(),
  members: z.array(groupMember).readonly(),
});

/** Traffic whose verdict changes. */
const trafficChange = z.object({
  before: verdict,
  after: verdict,
  source: partyGroup,
  destination: partyGroup,
  protocol: z.string(),
  ports: z.string(),
  traffic: z.array(z.object({ protocol: z.string(), first: z.int(), last: z.int() })).readonly(),
  ends: z.array(direction).readonly(),
  by: z.object({ before: ruleList, after: ruleList }),
  nearest: nearestRule.nullable(),
  example: z
    .object({
      from: z.string(),
      to: z.string(),
      kinds: z.tuple([z.string(), z.string()]).readonly(),
      names: z.array(z.string()).readonly(),
      protocol: z.string(),
      port: z.int(),
      canBeEvaluated: z.boolean(),
    })
    .nullable(),
});
export type TrafficChange = z.infer<typeof trafficChange>;

/** What `weir policy diff -o json` prints, too. */
export const policyDiff = z.object({
  changes: z.array(trafficChange).readonly(),
  /** Classes of traffic that were compared. */
  classes: z.int(),
  isComplete: z.boolean(),
});
export type PolicyDiff = z.infer<typeof policyDiff>;

/** A flow as `GET /v1/flows` gives it; or Hubble's. */
export const suggestionRequest = z.strictObject({ flow: z.record(z.string(), z.unknown()) });

/** The least policy that would let a flow through, beside those in force. */
export const suggestion = z.object({
  /** Empty: there is none. */
  yaml: z.string(),
  /** What it says otherwise than it was seen, or cannot say. */
  remarks: z.array(z.string()).readonly(),
});
export type Suggestion = z.infer<typeof suggestion>;
