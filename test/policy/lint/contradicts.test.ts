import { expect, test } from "vitest";
import { ciliumText, lintText, messages } from "#test/support/lint-text.ts";

const policy = (allow: string, deny: string): string =>
  ciliumText(`{endpointSelector: {}, ingress: [${allow}], ingressDeny: [${deny}]}`);
const told = (allow: string, deny: string): string[] => messages("contradicts", policy(allow, deny));
const peers = (...labels: string[]): string =>
  `fromEndpoints: [${labels.map((label) => `{matchLabels: {app: ${label}}}`).join(", ")}]`;
const ports = (port: string, more = ""): string => `toPorts: [{ports: [{port: '${port}', protocol: TCP${more}}]}]`;

test("an allow that is wholly denied names the deny", () => {
  expect(told(`{${peers("web")}}`, `{${peers("web")}}`)).toEqual([
    "ingress[0]: is completely denied, whatever pods there are, by CiliumNetworkPolicy shop/c ingressDeny[0]",
  ]);
  const [found] = lintText(policy(`{${peers("web")}}`, `{${peers("web")}}`));
  expect(found).toMatchObject({ code: "contradicts", rule: "ingress[0]", related: [{ rule: "ingressDeny[0]" }] });
});

test("one of the peers of an allow that is denied is named", () => {
  expect(told(`{${peers("web", "db")}}`, `{${peers("db")}}`)).toEqual([
    "ingress[0]: is denied for pods app=db of namespace shop by CiliumNetworkPolicy shop/c ingressDeny[0]",
  ]);
});

test("a range of ports that a deny cuts is named", () => {
  const deny = `{${peers("web")}, ${ports("85", ", endPort: 95")}}`;
  expect(told(`{${peers("web")}, ${ports("80", ", endPort: 90")}}`, deny)).toEqual([
    "ingress[0]: is denied for pods app=web of namespace shop on TCP 80-90 by CiliumNetworkPolicy shop/c ingressDeny[0]",
  ]);
});

test("a deny of less than one thing that is allowed is an exception, not a contradiction", () => {
  expect(told("{fromEntities: [cluster]}", `{${peers("web")}}`)).toEqual([]);
  expect(told(`{${peers("web")}}`, `{${peers("web")}, ${ports("22")}}`)).toEqual([]);
  expect(told(`{${peers("web")}, ${ports("80", ", endPort: 90")}}`, `{${peers("web")}, ${ports("85")}}`)).toEqual([]);
  expect(told(`{${peers("web")}}`, `{${peers("db")}}`)).toEqual([]);
});
