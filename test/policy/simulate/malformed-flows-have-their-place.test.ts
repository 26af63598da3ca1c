import { expect, test } from "vitest";
import { formatLocatedError } from "#policy/parse/located-error.ts";
import { jsonFault } from "#policy/simulate/json-fault.ts";
import { readRecordedFlows } from "#policy/simulate/recorded-flows.ts";
import { Random } from "#test/support/random.ts";

const errorsOf = (text: string): string[] => readRecordedFlows(text, "f").errors.map(formatLocatedError);

test("a line that is no JSON is told with the place where it stops being some", () => {
  expect(errorsOf('{"a": }')).toEqual(["f:1:7: flow: is not JSON: a value is expected here"]);
  expect(errorsOf('\n{"a" 1}')).toEqual(["f:2:6: flow: is not JSON: a colon is expected here"]);
  expect(errorsOf('{"a": 1')).toEqual([
    "f:1:8: flow: ends where a comma or the end of the list or mapping is expected",
  ]);
  expect(errorsOf("{a: 1}")).toEqual(["f:1:2: flow: is not JSON: a name in quotes or } is expected here"]);
  expect(errorsOf('{"a": 01}')).toEqual(["f:1:7: flow: is not JSON: a value is expected here"]);
  expect(errorsOf("{} {}")).toEqual(["f:1:4: flow: is not JSON: the end of the line is expected here"]);
});

test("a value of the wrong sort is told with its place and what is accepted; all of a line at once", () => {
  const line =
    '{"source": {"labels": ["k8s:a=b", 7]}, "IP": {"source": "10.0.0"}, "l4": {"TCP": {"destination_port": 70000}}}';
  expect(errorsOf(line)).toEqual([
    "f:1:35: source.labels[1]: is the number 7, not a string",
    'f:1:57: IP.source: is the string "10.0.0", not an IP address',
    "f:1:103: l4.TCP.destination_port: is the number 70000, not a whole number from 0 to 65535",
  ]);
});

test("in a wrapper, too", () => {
  expect(errorsOf('{"flow": {"source": []}}')).toEqual(["f:1:21: flow.source: is a list, not a mapping"]);
});

test("64 levels of lists and mappings are read, and what is deeper is told, also where nobody looks at it", () => {
  const nested = (levels: number): string =>
    `{"source": {}, "l4": {"TCP": {"destination_port": 80}}, "x": ${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
  expect(errorsOf(nested(64))).toEqual([]);
  expect(errorsOf(`${nested(64)}\n${nested(65)}\n{"flow": ${nested(20_000)}}`)).toEqual([
    "f:2:1: flow: is nested deeper than 64 levels",
    expect.stringMatching(/^f:3:\d+: flow: is nested deeper than 64 levels$/),
  ]);
});

test("what is no flow at all is told", () => {
  expect(errorsOf("{}\n[1]\n7")).toEqual([
    "f:1:1: flow: is no flow: it has neither source nor destination",
    "f:2:1: flow: is a list, not a mapping",
    "f:3:1: flow: is the number 7, not a mapping",
  ]);
});

test("lines around a wrong one count, and of many wrong ones the rest is only counted", () => {
  const good = '{"source": {}, "destination": {}, "l4": {"TCP": {"destination_port": 80}}}';
  const flows = readRecordedFlows([good, ...new Array<string>(150).fill("{"), good].join("\n"), "f");
  expect([flows.flows[0]?.count, flows.errors.length, flows.wrong]).toEqual([2, 100, 150]);
});

test("whatever is no JSON has a place, and whatever is some has none", () => {
  const pieces = ['{"a"', ":", "1", ",", '"b"', "[", "]", "}", "{", " ", "null", "-", ".5", '"\\', "e9", '"\\u00e9"'];
  let wrong = 0;
  for (let seed = 1; seed <= 5000; seed++) {
    const random = new Random(seed);
    const text = random.list(1, 7, () => random.pick(pieces)).join("");
    const fault = jsonFault(text);
    expect(fault === null, text).toBe(isJson(text));
    if (fault) wrong++;
    if (fault) expect(fault.offset).toBeLessThanOrEqual(text.length);
  }
  expect(wrong).toBeLessThan(5000);
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
