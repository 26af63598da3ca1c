/** The API as an OpenAPI 3.1 document, made from the schemas that check what comes in. */
import * as z from "zod";
import * as bpfViews from "./bpf-views.ts";
import * as captureViews from "./capture-views.ts";
import * as cni from "./cni.ts";
import * as configViews from "./config-views.ts";
import * as eventViews from "./event-views.ts";
import * as errorBodies from "./error-body.ts";
import * as flows from "./flow.ts";
import * as policyViews from "./policy-views.ts";
import * as prefilterViews from "./prefilter-views.ts";
import type { Route } from "./route.ts";
import * as traceViews from "./trace-views.ts";
import { version } from "./version.ts";
import * as views from "./views.ts";

/** Every schema that one of these exports is a component, by the export's name. */
const modules = [
  bpfViews,
  captureViews,
  cni,
  configViews,
  errorBodies,
  eventViews,
  flows,
  policyViews,
  prefilterViews,
  traceViews,
  views,
];

type Json = Readonly<Record<string, unknown>>;
type Direction = "input" | "output";

/**
 * Describes routes. Objects of answers may get further fields in later versions, so they are not closed here;
 * bodies and queries are as strict as the agent.
 */
export function openapiDocument<P>(routes: readonly Route<P>[]): Json {
  const components = new Components();
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    (paths[path] ??= {})[route.method.toLowerCase()] = operation(route, components);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Weir agent",
      summary: "The agent of one node, on Unix sockets in its run folder",
      description:
        "`agent.sock` serves everything; `observe.sock` what changes nothing, and 403 for the rest; `cni.sock` the calls of the CNI binary. " +
        "Their names are no part of the URL: `curl --unix-socket /run/weir/agent.sock http://agent/v1/status`.",
      version,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "http://agent", description: "Any host name does." }],
    paths,
    components: {
      schemas: components.schemas,
      responses: {
        Error: {
          description:
            "400: the request is wrong. 403: not for this caller, or not on this socket. 404: there is no such thing. " +
            "405: not this method. 409: it cannot be, as things are. 413: too much. 500: the agent's fault. " +
            "503: the same request may succeed later.",
          content: { "application/json": { schema: components.error } },
        },
      },
    },
  };
}

function operation<P>(route: Route<P>, components: Components): Json {
  const parameters = [
    ...parametersOf(route.params, "path", components),
    ...parametersOf(route.query, "query", components),
  ];
  const hasBody = route.bodyLimit > 0;
  const answer = components.schema(route.response, "output");
  return {
    operationId: operationId(route),
    summary: route.summary,
    tags: [route.path.split("/").findLast((part, index) => index < 3 && part !== "") ?? ""],
    "x-weir-sockets": [
      "agent.sock",
      ...(route.changes ? [] : ["observe.sock"]),
      ...(route.pool === "cni" ? ["cni.sock"] : []),
    ],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(hasBody
      ? {
          requestBody: {
            required: true,
            description: `At most ${route.bodyLimit} bytes.`,
            content: { "application/json": { schema: components.schema(route.body, "input") } },
          },
        }
      : {}),
    responses: {
      [route.status]: {
        description: route.stream
          ? "One JSON object a line, until it ends or the caller hangs up; an error, where one ends it, is its last line."
          : "Done.",
        content: {
          [contentType(route)]: { schema: route.stream ? { anyOf: [answer, components.error] } : answer },
        },
      },
      default: { $ref: "#/components/responses/Error" },
    },
  };
}

function contentType<P>({ stream, textType }: Route<P>): string {
  return stream ? "application/x-ndjson" : (textType ?? "application/json");
}

/** `getEndpointsById` */
function operationId<P>({ method, path, textType }: Route<P>): string {
  const words = path
    .replace(/^\/v1/, "")
    .split(/[/.]/)
    .filter((word) => word !== "")
    .map((word) => (word.startsWith(":") ? `By${capital(word.slice(1))}` : capital(word)));
  return `${method.toLowerCase()}${words.join("")}${textType === undefined ? "" : "Text"}`;
}

function capital(word: string): string {
  return `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
}

function parametersOf(schema: z.ZodType, place: "path" | "query", components: Components): Json[] {
  const { properties, required } = components.schema(schema, "input") as {
    properties?: Readonly<Record<string, Json>>;
    required?: readonly string[];
  };
  return Object.entries(properties ?? {}).map(([name, shape]) => ({
    name,
    in: place,
    required: place === "path" || required?.includes(name) === true,
    schema: shape,
  }));
}

/** Turns schemas into JSON Schema, and collects those with a name. */
class Components {
  readonly schemas: Record<string, unknown> = {};
  readonly #names = z.registry<{ id: string }>();

  constructor() {
    for (const module of modules) {
      for (const [name, value] of Object.entries(module)) {
        if (value instanceof z.ZodType) this.#names.add(value, { id: capital(name) });
      }
    }
  }

  get error(): Json {
    return this.schema(errorBodies.errorBody, "output");
  }

  schema(schema: z.ZodType, io: Direction): Json {
    const converted = z.toJSONSchema(schema, { io, metadata: this.#names, override });
    const { $schema: _, $defs = {}, ...shape } = located(converted) as { $schema?: string; $defs?: Json };
    for (const [name, definition] of Object.entries($defs)) {
      const known = (this.schemas[name] ??= definition);
      // The same name, but not the same as a body and as an answer.
      if (JSON.stringify(known) !== JSON.stringify(definition)) throw new Error(`schema ${name} has two shapes`);
    }
    return shape;
  }
}

/** References as they are right in an OpenAPI document. */
function located(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/'));
}

function override({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: z.core.$ZodTypes;
  jsonSchema: z.core.JSONSchema.BaseSchema;
}) {
  const { def } = zodSchema._zod;
  // Of zod a word on its types, of OpenAPI one on what a request may say.
  delete jsonSchema.readOnly;
  if (def.type === "object" && def.catchall === undefined) delete jsonSchema.additionalProperties;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}
