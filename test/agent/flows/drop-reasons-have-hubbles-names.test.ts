import { expect, test } from "vitest";
import { DropReason } from "#agent/datapath/layouts.gen.ts";
import { dropReasonName, dropReasonText } from "#agent/flows/drop-reason.ts";

/** Numbers and names of `flow.DropReason`, from both ends and around the gap. */
test.each([
  [130, "INVALID_SOURCE_MAC"],
  [133, "POLICY_DENIED"],
  [155, "CT_MAP_INSERTION_FAILED"],
  [158, "SERVICE_BACKEND_NOT_FOUND"],
  [159, "DROP_REASON_UNKNOWN"],
  [160, "NO_TUNNEL_OR_ENCAPSULATION_ENDPOINT"],
  [172, "UNKNOWN_SENDER"],
  [181, "POLICY_DENY"],
  [189, "AUTH_REQUIRED"],
  [196, "TTL_EXCEEDED"],
  [203, "DROP_EP_NOT_READY"],
  [129, "DROP_REASON_UNKNOWN"],
  [255, "DROP_REASON_UNKNOWN"],
])("%i is %s", (number, name) => {
  expect(dropReasonName(number)).toBe(name);
});

test("every reason of the datapath has a name and words", () => {
  for (const reason of Object.values(DropReason).filter((number) => number !== 0)) {
    expect(dropReasonName(reason)).not.toBe("DROP_REASON_UNKNOWN");
    expect(dropReasonText(reason)).toMatch(/^[a-z]/);
  }
});
