import { expect, test } from "vitest";
import { DropReason, SourceFile } from "#agent/datapath/layouts.gen.ts";
import { dropSites } from "./drop-sites.ts";
import { dropCoverage, summary } from "./source-coverage.ts";

const text = `#define DROP(reason) (-(reason))
/* DROP(reason): the packet ends here. */
#undef SOURCE_FILE
#define SOURCE_FILE FILE_PARSE
	if (step)
		return DROP(DROP_INVALID_PACKET);
	return step ? DROP(DROP_MULTICAST) : DROP(DROP_UNKNOWN_L4);
	return DROP(DROP_WRITE_ERROR); /* unreachable: pulled above */`;
const file = "bpf/lib/parse.h";
const seen = (reason: number, line: number, fileNumber: number = SourceFile.PARSE) =>
  ({ reason, hook: 1, file: fileNumber, line }) as const;
const hits = (...drops: ReturnType<typeof seen>[]) =>
  dropCoverage(dropSites(file, text), drops, () => text.split("\n")).map(({ line, hit }) => [line, hit]);

test("drops are found by file, line and reason, two of a line apart; not in comments and definitions", () => {
  expect(dropSites(file, text)).toEqual([
    { file, line: 6, reason: DropReason.INVALID_PACKET, fileNumber: SourceFile.PARSE },
    { file, line: 7, reason: DropReason.MULTICAST, fileNumber: SourceFile.PARSE },
    { file, line: 7, reason: DropReason.UNKNOWN_L4, fileNumber: SourceFile.PARSE },
    { file, line: 8, reason: DropReason.WRITE_ERROR, fileNumber: SourceFile.PARSE },
  ]);
});

test("a drop is shown by what was counted under its own reason, file and line", () => {
  const nothing = [6, 7, 7, 8].map((line) => [line, false]);
  expect(hits()).toEqual(nothing);
  expect(hits(seen(DropReason.INVALID_PACKET, 7), seen(DropReason.MULTICAST, 6))).toEqual(nothing);
  expect(hits(seen(DropReason.INVALID_PACKET, 6, SourceFile.POD))).toEqual(nothing);
  expect(hits(seen(DropReason.MULTICAST, 7)).map(([, hit]) => hit)).toEqual([false, true, false, false]);
});

test("one that cannot be reached is counted apart", () => {
  const places = dropCoverage(dropSites(file, text), [seen(DropReason.MULTICAST, 7)], () => text.split("\n"));
  expect(summary("drops", places)).toMatchObject({ reachable: 3, hit: 1, unreachable: 1 });
});

test("a reason that no enum has is an error with its line, and so is a file without a number", () => {
  expect(() => dropSites(file, text.replace("DROP_MULTICAST", "DROP_TIRED"))).toThrow("bpf/lib/parse.h:7");
  expect(() => dropSites(file, text.replace("FILE_PARSE", "FILE_NOWHERE"))).toThrow("bpf/lib/parse.h:6");
});
