import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, test } from "vitest";
import { openapiDocument } from "#agent/api/openapi.ts";
import { allRoutes } from "#agent/api/routes.ts";
import { ApiFixture } from "./api-fixture.ts";

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { schema: object }>> }>>;
}

async function served(): Promise<{ paths: Record<string, Record<string, Operation>> }> {
  await using api = await ApiFixture.start();
  const { status, body } = await api.request("GET", "/v1/openapi.json");
  expect(status).toBe(200);
  return JSON.parse(body) as Awaited<ReturnType<typeof served>>;
}

test("what is served is what the routes say, and OpenAPI 3.1", async () => {
  const document = await served();
  expect(document).toEqual(openapiDocument(allRoutes));
  expect(await new Validator().validate(document)).toEqual({ valid: true });
  expect(document).toMatchObject({ openapi: "3.1.0" });
});

test("every route has a name of its own, a summary, and a shape of its answer", async () => {
  const { paths } = await served();
  const operations = Object.values(paths).flatMap((path) => Object.values(path));
  expect(operations).toHaveLength(allRoutes.length);
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(allRoutes.length);
  for (const { operationId, summary, responses } of operations) {
    expect([operationId, summary]).toEqual([operationId, expect.stringMatching(/^[A-Z]/)]);
    const [good = {}] = Object.entries(responses).flatMap(([status, answer]) => (status === "200" ? [answer] : []));
    const schemas = Object.values(good.content ?? {}).map(({ schema }) => Object.keys(schema));
    expect([operationId, schemas.length]).toEqual([operationId, 1]);
    expect([operationId, schemas[0]]).not.toEqual([operationId, []]);
  }
});

test("a body, a query and a path have the shapes that are checked", async () => {
  const { paths } = await served();
  expect(paths["/v1/endpoints/{id}"]?.["get"]).toMatchObject({
    parameters: [{ name: "id", in: "path", required: true, schema: { type: "string", pattern: "^\\d{1,15}$" } }],
  });
  expect(paths["/v1/evaluate"]?.["post"]).toMatchObject({
    requestBody: { content: { "application/json": { schema: { $ref: "#/components/schemas/EvaluationRequest" } } } },
    "x-weir-sockets": ["agent.sock", "observe.sock"],
  });
  expect(paths["/v1/policies/object"]?.["delete"]).toMatchObject({
    parameters: [{ name: "name", in: "query", required: true }],
    "x-weir-sockets": ["agent.sock"],
  });
});
