import { expect, test } from "vitest";

import { deleteRequestPath, encodeDeleteRequest, parseDeleteRequest } from "#agent/api/delete-request.ts";
import { hostInterfaceName } from "#agent/api/host-interface.ts";

const request = { containerId: "c1", ifName: "eth0", time: "2030-01-02T03:04:05.678Z" };

test("a request comes back as it was written", () => {
  expect(parseDeleteRequest(encodeDeleteRequest(request))).toEqual({ ok: true, request });
});

test("an attachment has one file", () => {
  expect(deleteRequestPath("/run/weir", "c1", "eth0")).toBe(
    `/run/weir/deleted/${hostInterfaceName("c1", "eth0")}.json`,
  );
});

test.for([
  ["", "not JSON"],
  ["null", "not an object"],
  ["{}", "version undefined is not 1"],
  [`{"version":2}`, "version 2 is not 1"],
  [`{"version":1,"ifName":"eth0","time":"2030-01-02T03:04:05Z"}`, "containerId is missing"],
  [`{"version":1,"containerId":"c1","time":"2030-01-02T03:04:05Z"}`, "ifName is missing"],
  [`{"version":1,"containerId":"c1","ifName":"eth0","time":"soon"}`, "time is not a time"],
] as const)("%j is refused", ([text, error]) => {
  const outcome = parseDeleteRequest(text);
  expect(outcome.ok ? "" : outcome.error).toContain(error);
});
