import { expect, test } from "vitest";

import { deleteRequestPath, parseDeleteRequest } from "#agent/api/delete-request.ts";
import { hostInterfaceName } from "#agent/api/host-interface.ts";

const request = { version: 1, containerId: "c1", ifName: "eth0", kind: "ipam", time: "2030-01-02T03:04:05.678Z" };

test("a request is read; one of old, which says no kind, is about an interface", () => {
  expect(parseDeleteRequest(JSON.stringify(request))).toEqual({ ok: true, request });
  const { kind: _, ...old } = request;
  expect(parseDeleteRequest(JSON.stringify(old))).toEqual({ ok: true, request: { ...request, kind: "interface" } });
});

test("an attachment has one file of each kind", () => {
  const attachment = { containerId: "c1", ifName: "eth0" };
  const path = `/run/weir/deleted/${hostInterfaceName("c1", "eth0")}`;
  expect(deleteRequestPath("/run/weir", { ...attachment, kind: "interface" })).toBe(`${path}.json`);
  expect(deleteRequestPath("/run/weir", { ...attachment, kind: "ipam" })).toBe(`${path}.ipam.json`);
});

test.for([
  ["", "not JSON"],
  ["null", "expected object"],
  ["{}", "version: "],
  [`{"version":2}`, "version: "],
  [`{"version":1,"ifName":"eth0","time":"2030-01-02T03:04:05Z"}`, "containerId: "],
  [`{"version":1,"containerId":"c1","time":"2030-01-02T03:04:05Z"}`, "ifName: "],
  [`{"version":1,"containerId":"c1","ifName":"eth0","time":"soon"}`, "time: "],
  [`{"version":1,"containerId":"c1","ifName":"eth0","kind":"x","time":"2030-01-02T03:04:05Z"}`, "kind: "],
] as const)("%j is refused", ([text, error]) => {
  const outcome = parseDeleteRequest(text);
  expect(outcome.ok ? "" : outcome.error).toContain(error);
});
