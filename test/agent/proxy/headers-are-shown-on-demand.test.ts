import { expect, test } from "vitest";
import { REDACTED, toldValue } from "#agent/proxy/header-values.ts";
import { connectToAll } from "#test/support/proxy/connect-to-all.ts";
import { ControlClient, ruleUpdate } from "#test/support/proxy/control-client.ts";
import { TestProxies } from "#test/support/proxy/proxy-process.ts";
import { judgement } from "#test/support/proxy/world.ts";

test.each(["authorization", "cookie", "set-cookie", "proxy-authorization", "x-api-key", "x-forwarded-for", "referer"])(
  "the value of %s is told to nobody who has not asked for it",
  (name) => {
    expect(toldValue(name, "secret", undefined)).toBe(REDACTED);
    expect(toldValue(name, "secret", new Set(["x-tenant"]))).toBe(REDACTED);
    expect(toldValue(name, "secret", new Set([name]))).toBe("secret");
  },
);

test("every worker tells the values that the agent asks for, from its next request on, until another agent asks for others", async () => {
  await using proxies = new TestProxies({ judgement: judgement([1]), tuple: {} });
  const proxy = await proxies.start();
  using agent = await ControlClient.open(proxies.runDir);
  await agent.tell(ruleUpdate(1, { 1: "first" }, true));
  const clients = await connectToAll(proxy);
  const told = async (by: ControlClient, question: string): Promise<string[]> => {
    const urls = [...clients.keys()].map((pid) => `${question}${pid}`);
    for (const [pid, client] of clients) await client.ask(`${question}${pid}`);
    const values: string[] = [];
    for (const url of urls) {
      const { records } = await by.next("records", (batch) =>
        batch.records.some(({ content }) => content.family === "http" && content.url === url),
      );
      for (const { content } of records) {
        if (content.family === "http" && content.url === url) values.push(...content.headers.map(({ value }) => value));
      }
    }
    return values;
  };
  const everyone = (value: string): string[] => [...clients.keys()].map(() => value);

  agent.say({ type: "attach" });
  expect(await told(agent, "/a")).toEqual(everyone(REDACTED));
  agent.say({ type: "attach", shownHeaders: ["x-tenant"] });
  // What follows on the same connection comes after it, to each worker.
  await agent.tell(ruleUpdate(2, { 1: "second" }));
  expect(await told(agent, "/b")).toEqual(everyone("blue"));
  using next = await ControlClient.open(proxies.runDir);
  next.say({ type: "attach", shownHeaders: ["x-other"] });
  await next.tell(ruleUpdate(3, { 1: "third" }));
  expect(await told(next, "/c")).toEqual(everyone(REDACTED));
});
