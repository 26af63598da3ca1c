import * as z from "zod";
import type { Progress } from "./answer-writer.ts";
import type { Written } from "./json-text.ts";

export type Method = "GET" | "POST" | "PATCH" | "DELETE";

/**
 * Requests of one pool are limited together, so that one that waits cannot starve one that acts, and nobody
 * the container runtime (`cni`). `table`: answers that may be long.
 */
export type Pool = "cni" | "call" | "table" | "wait" | "stream";

/** What a request carries, parsed. */
export interface RouteInput<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
}

/** A route with its types forgotten: what the server works with. `P` is the ports it needs. */
export interface Route<P> {
  readonly method: Method;
  /** `/v1/endpoints/:id`; a parameter is one segment. */
  readonly path: string;
  /** One line for those who read the API's description. */
  readonly summary: string;
  /** Whether it changes anything; if not, `observe.sock` has it, too. */
  readonly changes: boolean;
  readonly pool: Pool;
  /** Most bytes of a body; 0: it takes none. */
  readonly bodyLimit: number;
  readonly params: z.ZodType;
  readonly query: z.ZodType;
  readonly body: z.ZodType;
  /** The shape of the answer, or of a line of it. For the description and for tests; not checked when serving. */
  readonly response: z.ZodType;
  /** Status of the good answer. */
  readonly status: number;
  /** The answer is text of this type; missing: JSON. */
  readonly textType?: string;
  readonly handle?: (input: RouteInput<never, never, never>, ports: P, signal: AbortSignal) => unknown;
  readonly stream?: (
    input: RouteInput<never, never, never>,
    ports: P,
    signal: AbortSignal,
  ) => AsyncIterable<readonly unknown[]>;
  /** Of a stream: how far it is, whoever reads it. */
  readonly progress?: (ports: P) => Progress | undefined;
  /** What a request that changes things is about, for the log; null: it changes nothing after all. */
  readonly subject?: (input: RouteInput<never, never, never>) => string | null;
}

const nothing = z.strictObject({});
const kibibyte = 1024;
/** Bytes of an ordinary body. */
export const bodyLimit = 1024 * kibibyte;
/** Bytes of a body that carries policy objects. */
export const objectsLimit = 8 * 1024 * kibibyte;

/**
 * Writes down a route; the handler's types follow from the schemas.
 * Query and parameters are text until a schema says otherwise.
 */
export function route<
  P,
  Params extends z.ZodType = typeof nothing,
  Query extends z.ZodType = typeof nothing,
  Body extends z.ZodType = z.ZodUndefined,
  Response extends z.ZodType = z.ZodType,
>(spec: {
  method: Method;
  path: string;
  summary: string;
  /** Missing: whatever is no GET does. */
  changes?: boolean;
  pool?: Pool;
  bodyLimit?: number;
  params?: Params;
  query?: Query;
  body?: Body;
  response: Response;
  status?: number;
  textType?: string;
  handle?: (
    input: RouteInput<z.output<Params>, z.output<Query>, z.output<Body>>,
    ports: P,
    signal: AbortSignal,
  ) => z.output<Response> | Promise<z.output<Response>>;
  stream?: (
    input: RouteInput<z.output<Params>, z.output<Query>, z.output<Body>>,
    ports: P,
    signal: AbortSignal,
  ) => AsyncIterable<readonly (z.output<Response> | Written)[]>;
  progress?: (ports: P) => Progress | undefined;
  subject?: (input: RouteInput<z.output<Params>, z.output<Query>, z.output<Body>>) => string | null;
}): Route<P> {
  return {
    changes: spec.method !== "GET",
    pool: spec.stream ? "stream" : "call",
    bodyLimit: spec.body ? bodyLimit : 0,
    params: nothing,
    query: nothing,
    body: z.undefined(),
    status: 200,
    ...spec,
  };
}

/** A route that a request's path leads to, with the path's parameters. */
export interface RouteMatch<P> {
  readonly route: Route<P>;
  readonly params: Readonly<Record<string, string>>;
}

/** The routes of a path; they differ in their method. A literal segment goes before a parameter. */
export function matchPath<P>(routes: readonly Route<P>[], path: string): RouteMatch<P>[] {
  const segments = path.split("/");
  const matches = routes.flatMap((route) => {
    const params = matchSegments(route.path.split("/"), segments);
    return params ? [{ route, params }] : [];
  });
  return matches.sort((a, b) => Object.keys(a.params).length - Object.keys(b.params).length);
}

function matchSegments(pattern: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const segment = segments[index] ?? "";
    if (expected.startsWith(":")) {
      if (segment === "") return undefined;
      params[expected.slice(1)] = segment;
    } else if (expected !== segment) {
      return undefined;
    }
  }
  return params;
}
