import { expect, test } from "vitest";
import { datapathConfigOf } from "#agent/node/datapath-config.ts";
import { defaultConfig } from "#agent/datapath/open-kernel.ts";
import { describeProblem, loadConfig } from "#agent/runtime/config.ts";

const other = (text: string) => loadConfig({ flags: { conntrackOtherTimeout: text }, environment: {} });

test.each([
  ["60s", 60_000_000_000n],
  ["1m", 60_000_000_000n],
  ["2h13m20s", 8_000_000_000_000n],
  ["10000ms", 10_000_000_000n],
  ["11s500ms", 11_500_000_000n],
  ["1d", 86_400_000_000_000n],
])("a time is written as units in order: %s", (text, wanted) => {
  const result = other(text);
  expect(result.ok && result.config.conntrackOtherTimeout).toBe(wanted);
});

test.each(["", "60", "s", "1s1m", "1s1s", "-1s", "1.5m", "9s", "1d1ms", " 60s", "60S", `${"9".repeat(40)}s`])(
  "what is no time, or out of bounds, is refused: %j",
  (text) => {
    const result = other(text);
    const [problem] = result.ok ? [] : result.problems.map(describeProblem);
    expect(problem).toBe(
      `--conntrack-other-timeout (flag): ${JSON.stringify(text)} does not fit: a time from 10s to 1d is wanted, like 90s, 2h30m or 500ms`,
    );
  },
);

test("timeouts and the budget of openings come from flags and environment, and have the field's values by default", () => {
  const configOf = (sources: Partial<Parameters<typeof loadConfig>[0]>) => {
    const result = loadConfig({ flags: {}, environment: {}, ...sources });
    return result.ok ? datapathConfigOf(result.config) : result.problems;
  };
  // Tests load the programs without masquerading, which the agent does unless told.
  const wanted = { ...defaultConfig, masquerade: 1 };
  expect(configOf({})).toEqual(wanted);
  expect(
    configOf({
      flags: { conntrackTcpSynTimeout: "5s", conntrackTcpCloseTimeout: "3s", openingBudget: "16" },
      environment: { WEIR_CONNTRACK_TCP_ESTABLISHED_TIMEOUT: "1h", WEIR_CONNTRACK_OTHER_TIMEOUT: "30s" },
    }),
  ).toEqual({
    ...wanted,
    tcpSynTimeout: 5_000_000_000n,
    tcpCloseTimeout: 3_000_000_000n,
    tcpEstablishedTimeout: 3_600_000_000_000n,
    otherTimeout: 30_000_000_000n,
    openingBudget: 16n,
  });
});
