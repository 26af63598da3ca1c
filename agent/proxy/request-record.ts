import type { RuleDescription } from "#policy/model/rule.ts";
import type { ConnectionTuple, Judgement } from "./judgement.ts";

/** What the proxy tells the agent of a request, or of an answer: the content of a flow of type L7. */
export interface RequestRecord {
  /** Nanoseconds since 1970, as a decimal text. */
  readonly time: string;
  readonly tuple: ConnectionTuple;
  readonly source: RecordEnd;
  readonly destination: RecordEnd;
  /** `error`: it could not be understood, or the server could not be reached. */
  readonly verdict: "forwarded" | "denied" | "error";
  /** The rules that allowed it; of a denial none. */
  readonly rules: readonly RuleDescription[];
  /** Which end denied it. */
  readonly deniedBy: "source" | "destination" | null;
  /** One for the request as it comes, one for the answer. Kept apart, as Hubble does: a request that is never answered is told of, too. */
  readonly kind: "request" | "response";
  /** From the request's last byte that counted to the answer's first, in ns; null: of a request. */
  readonly latency: number | null;
  readonly content: RequestContent;
}

/** Who is at an end, as the datapath has judged. */
export interface RecordEnd {
  readonly endpoint: number;
  readonly identity: number;
}

export type RequestContent =
  | {
      readonly family: "http";
      readonly method: string;
      /** As Hubble has it: scheme, host and the path before normalisation. */
      readonly url: string;
      readonly protocol: "HTTP/1.0" | "HTTP/1.1" | "HTTP/2";
      /** Of the answer; of a denial the proxy's own; of a request 0. */
      readonly code: number;
      /** Values of all but a few harmless ones are redacted before they leave the proxy; see `toldValue`. */
      readonly headers: readonly { readonly key: string; readonly value: string }[];
      /** Names of headers that were not as the rule says that allowed it all the same (`headerMatches.mismatch`). */
      readonly mismatches?: readonly string[];
    }
  | {
      readonly family: "dns";
      /** Lower case, with the trailing dot, as Hubble has it. */
      readonly query: string;
      readonly qtypes: readonly string[];
      readonly rcode: number;
      readonly ips: readonly string[];
      readonly cnames: readonly string[];
      /** Seconds; the least of the answer. */
      readonly ttl: number;
    }
  | {
      readonly family: "tls";
      /** Null: the client named none, or it could not be read. */
      readonly serverName: string | null;
    }
  | {
      readonly family: "kafka";
      readonly apiKey: string;
      readonly apiVersion: number;
      readonly correlationId: number;
      readonly clientId: string;
      readonly topics: readonly string[];
      readonly errorCode: number;
    };

/** Both ends of a judgement, as records have them. */
export function recordEnds({ source, destination }: Judgement): Pick<RequestRecord, "source" | "destination"> {
  return {
    source: { endpoint: source.endpoint, identity: source.identity },
    destination: { endpoint: destination.endpoint, identity: destination.identity },
  };
}
