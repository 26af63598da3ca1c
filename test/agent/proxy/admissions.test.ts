import { expect, test } from "vitest";
import { Admissions } from "#agent/proxy/admissions.ts";
import type { ControlConnection } from "#agent/proxy/control-connection.ts";
import type { FromProxy } from "#agent/proxy/messages.ts";
import type { Admission, DnsAnswer } from "#agent/proxy/names.ts";

function answer(name: string, addresses = 1): DnsAnswer {
  return { name, addresses: Array.from({ length: addresses }, () => ({ address: "192.0.2.1", ttl: 60 })), endpoint: 7 };
}

/** What the proxy alone says; null: an agent lives. */
function setUp(alone: Admission | null) {
  const asked: string[] = [];
  const admissions = new Admissions({
    rules: null,
    admit: ({ name }) => {
      asked.push(name);
      return alone;
    },
  });
  const said: FromProxy[] = [];
  const agent = { isFull: false, send: (message: FromProxy) => void said.push(message) };
  const settled: Record<string, Admission> = {};
  const admit = (name: string, addresses = 1): void =>
    admissions.admit(answer(name, addresses), (admission) => (settled[name] = admission));
  return { admissions, asked, said, agent: agent as unknown as ControlConnection, settled, admit };
}

test("an agent that is attached is asked, and nobody else", () => {
  const { admissions, asked, said, agent, settled, admit } = setUp("admitted");
  admissions.agent = agent;
  admit("a.test");
  admissions.hear(answer("b.test"));
  expect(said).toEqual([
    { type: "admit", id: 1, answer: answer("a.test") },
    { type: "heard", answer: answer("b.test") },
  ]);
  admissions.settled(1, "refused");
  admissions.settled(1, "admitted");
  expect(settled).toEqual({ "a.test": "refused" });
  expect(asked).toEqual([]);
});

test("without an agent the proxy admits alone; what the agent has not answered, too", () => {
  const { admissions, asked, agent, settled, admit } = setUp("admitted");
  admissions.agent = agent;
  admit("a.test");
  admissions.agent = null;
  admit("b.test");
  admissions.hear(answer("c.test"));
  expect(asked).toEqual(["a.test", "b.test", "c.test"]);
  expect(settled).toEqual({ "a.test": "admitted", "b.test": "admitted" });
});

test("what comes while an agent starts waits until it is attached", () => {
  const { admissions, said, agent, settled, admit } = setUp(null);
  admit("a.test");
  admissions.hear(answer("b.test"));
  expect(settled).toEqual({});
  admissions.agent = agent;
  expect(said).toMatchObject([
    { type: "admit", answer: { name: "a.test" } },
    { type: "heard", answer: { name: "b.test" } },
  ]);
  const [first] = said;
  if (first?.type === "admit") admissions.settled(first.id, "admitted");
  expect(settled).toEqual({ "a.test": "admitted" });
});

test("only so many wait, by their addresses; those that are settled make room", () => {
  const { admissions, said, agent, settled, admit } = setUp(null);
  for (let i = 0; i < 64; i++) admit(`n${i}.test`, 4_096);
  expect(settled).toEqual({});
  admit("one-more.test");
  expect(settled).toEqual({ "one-more.test": "refused" });
  admissions.agent = agent;
  const [first] = said;
  if (first?.type === "admit") admissions.settled(first.id, "admitted");
  admit("then.test", 4_096);
  admit("at-last.test");
  expect(settled).toEqual({ "one-more.test": "refused", "n0.test": "admitted", "at-last.test": "refused" });
});

test("an agent that does not read is not told of what nobody waits for", () => {
  const { admissions, said, agent, admit } = setUp("admitted");
  admissions.agent = Object.assign(agent, { isFull: true });
  admissions.hear(answer("b.test"));
  admit("a.test");
  expect(said).toMatchObject([{ type: "admit", answer: { name: "a.test" } }]);
});
