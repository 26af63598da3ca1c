import { expect, test } from "vitest";
import { ApiFixture } from "#test/agent/api/api-fixture.ts";
import { different } from "#test/agent/api/fake-views.ts";
import { weir } from "./cli-fixture.ts";

test("policy verify: each difference in a line, then what was looked at", async () => {
  await using api = await ApiFixture.start();
  expect((await weir(api.runDir, "policy", "verify")).stdout).toBe(
    [
      "MAP      ENDPOINTS  WHAT                                                                  EXPECTED  FOUND              RULES",
      "policy   12         slot 7, ingress from identity 20482 (shop {app=db}), TCP/80: verdict  allow     deny               NetworkPolicy shop/web ingress[0]",
      "ipcache  -          10.0.0.9/32: entry                                                    nothing   identity 1 (host)  -",
      "and 3 more differences",
      "different at revision 41: 1 endpoint, 24 entries, 310 classes of traffic, 2 classes left out",
      "",
    ].join("\n"),
  );
});

test("policy verify: equal is a line, and exit 0", async () => {
  const equal = { ...different, state: "equal", excluded: 0, differences: [], more: 0 } as const;
  await using api = await ApiFixture.start({ verifications: { verify: () => Promise.resolve(equal) } });
  const { exitCode, stdout } = await weir(api.runDir, "policy", "verify", "12");
  expect(stdout).toBe("equal at revision 41: 1 endpoint, 24 entries, 310 classes of traffic\n");
  expect(exitCode).toBe(0);
});

test("policy verify: without a number all endpoints are meant", async () => {
  const asked: (number | null)[] = [];
  const verify = (endpoint: number | null) => {
    asked.push(endpoint);
    return Promise.resolve(different);
  };
  await using api = await ApiFixture.start({ verifications: { verify } });
  await weir(api.runDir, "policy", "verify");
  await weir(api.runDir, "policy", "verify", "12");
  expect(asked).toEqual([null, 12]);
});

test("policy verify -o json: what scripts rely on, to the byte", async () => {
  await using api = await ApiFixture.start();
  expect((await weir(api.runDir, "policy", "verify", "12", "-o", "json")).stdout).toBe(
    '{"state":"different","generation":41,"revision":41,"endpoints":1,"entries":24,"classes":310,"excluded":2,"differences":[{"map":"policy",' +
      '"endpoints":[12],"what":"slot 7, ingress from identity 20482 (shop {app=db}), TCP/80: verdict","expected":"allow","found":"deny",' +
      '"rules":["NetworkPolicy shop/web ingress[0]"]},{"map":"ipcache","endpoints":[],"what":"10.0.0.9/32: entry","expected":null,' +
      '"found":"identity 1 (host)","rules":[]}],"more":3}\n',
  );
});
