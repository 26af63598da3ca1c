import { expect, test } from "vitest";
import { addEvent, event } from "#test/agent/flows/fixture.ts";
import { codeOf } from "#test/support/hubble-client.ts";
import { HubbleFixture } from "./hubble-fixture.ts";

test.each<[paths: readonly string[], flow: object]>([
  [["verdict"], { verdict: "FORWARDED" }],
  [["source.pod_name", "source.identity"], { source: { identity: 20481, pod_name: "web-1" } }],
  [
    ["source.pod_name", "source", "source.labels"],
    { source: expect.objectContaining({ ID: 12, namespace: "shop" }) as object },
  ],
  [
    ["l4.TCP.flags", "is_reply", "time.seconds"],
    { l4: { TCP: { flags: { SYN: true } } }, is_reply: { value: false }, time: { seconds: "1769860800" } },
  ],
  [["l7.http.code", "destination_names", "Summary"], { Summary: "TCP Flags: SYN" }],
])("%j", async (paths, flow) => {
  await using hubble = await HubbleFixture.start();
  addEvent(hubble.ring, event());
  const [response] = await hubble.client.responses({ field_mask: { paths } });
  expect(response?.["flow"]).toEqual(flow);
  // Where and when are of the response, not of the flow.
  expect(response).toMatchObject({ node_name: "n1", time: { nanos: 1 } });
});

test.each(["nothing", "source.nothing", "verdict.name", "egress_allowed_by.name", "", "source."])(
  "%j leads nowhere",
  async (path) => {
    await using hubble = await HubbleFixture.start();
    const call = hubble.client.responses({ field_mask: { paths: ["verdict", path] } });
    await expect(call).rejects.toThrow(`a flow has no field ${path}`);
    expect(await codeOf(call)).toBe("INVALID_ARGUMENT");
  },
);
