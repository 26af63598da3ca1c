import { expect, test } from "vitest";
import { ciliumText, errorsOf } from "#test/support/cilium-text.ts";

test("all errors of a policy are told, in the order of the text", () => {
  const text = ciliumText(`spec:
  endpointSelector:
    matchLabels: {"a b": c}
  ingress:
  - fromEndpoints:
    - matchLabels: {"container:id": x}
    fromEntities: [everybody]
    toPorts:
    - ports:
      - {port: 70000, protocol: TCP}
      - {port: http, endPort: 90}
      rules:
        http:
        - path: "("
          headerMatches: [{mismatch: drop}]
  ingressDeny:
  - toPorts: [{rules: {http: [{path: "("}]}}]
  egress:
  - toFQDNs: [{matchName: "*.a"}]
    toCIDR: [10.0.0.0/40]
  - icmps: [{fields: [{type: Ping}]}]
specs:
- {}`);
  expect(errorsOf(text).map((error) => error.replace(/: .*/, ""))).toEqual([
    "f:6:19",
    "f:9:21",
    "f:10:19",
    "f:10:20",
    "f:13:16",
    "f:14:9",
    "f:14:31",
    "f:17:17",
    "f:18:27",
    "f:18:38",
    "f:20:23",
    "f:22:14",
    "f:22:27",
    "f:23:14",
    "f:24:30",
    "f:26:3",
  ]);
});
