import { expect, test } from "vitest";
import { PodTable } from "#agent/node/pod-table.ts";
import { parseObjects } from "#policy/parse/objects.ts";

const object = (kind: string, name: string, annotations: string): string =>
  `{apiVersion: v1, kind: ${kind}, metadata: {name: ${name}, ${kind === "Pod" ? "namespace: shop, " : ""}annotations: {${annotations}}}}\n`;

function read(...documents: string[]) {
  const result = parseObjects(documents.join("---\n"), "f");
  if (!result.ok) throw new Error(result.errors.map(({ field, message }) => `${field}: ${message}`).join("\n"));
  return result.objects;
}

test("a pod's own annotation goes before its namespace's", () => {
  const pods = new PodTable();
  pods.replace(
    read(
      object("Namespace", "shop", "weir.io/ip-pool: blue"),
      object("Pod", "web", "weir.io/ip-pool: green, weir.io/sticky-ip: 'true'"),
      object("Pod", "db", "weir.io/sticky-ip: 'false'"),
    ),
  );
  expect(pods.addressWish("shop", "web")).toEqual({ pool: "green", sticky: true });
  expect(pods.addressWish("shop", "db")).toEqual({ pool: "blue", sticky: false });
  expect(pods.addressWish("shop", "unknown")).toEqual({ pool: "blue", sticky: false });
  expect(pods.addressWish("other", "web")).toEqual({ sticky: false });
});

test.each([
  ["Pod", "weir.io/ip-pool: Blue", 'metadata.annotations.weir.io/ip-pool: "Blue" is not a DNS label'],
  ["Namespace", "weir.io/ip-pool: ''", 'metadata.annotations.weir.io/ip-pool: "" is not a DNS label'],
  ["Pod", "weir.io/sticky-ip: 'yes'", 'metadata.annotations.weir.io/sticky-ip: "yes" is not one of'],
])("a %s with %s is refused", (kind, annotation, text) => {
  expect(() => read(object(kind, "x", annotation))).toThrow(text);
});
