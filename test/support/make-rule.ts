import { type Rule, normalPrecedence } from "#policy/model/rule.ts";

/** A rule of hand; an allow of the normal tier for anybody unless it says otherwise. */
export function makeRule(number: number, content: Partial<Rule> = {}): Rule {
  const description = {
    kind: "Test",
    namespace: "n",
    name: "t",
    rule: `ingress[${number}]`,
    file: "f",
    line: number,
  };
  const action = content.action ?? "allow";
  return {
    key: `${number}`,
    description,
    direction: "ingress",
    action,
    precedence: action === "pass" ? 0 : normalPrecedence(action),
    peers: null,
    ports: null,
    isNarrowed: false,
    l7: null,
    serverNames: [],
    controls: {},
    ...content,
  };
}
