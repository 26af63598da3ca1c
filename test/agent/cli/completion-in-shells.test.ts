import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { ApiFixture } from "#test/agent/api/api-fixture.ts";
import { fakePorts } from "#test/agent/api/fake-ports.ts";
import { web } from "#test/agent/api/fake-views.ts";

const program = resolve(import.meta.dirname, "../../../agent/cli/main.ts");

/** What would run if a shell took it for more than text. */
const hostile = "$(touch harm)`touch harm`;touch harm 'a\"b\\ c";

const endpoints = {
  ...fakePorts().endpoints,
  list: () => [
    web,
    { ...web, id: 13, namespace: "other", pod: hostile },
    { ...web, id: 14, namespace: "evil\u001b[2J" },
  ],
};

/** Starts an interactive shell that knows nothing yet, and teaches it. */
const shells = {
  bash: { command: "bash --norc --noprofile -i", set: "source <(weir completion bash)" },
  zsh: { command: "zsh -f -i", set: "autoload -U compinit; compinit -u -D; source <(weir completion zsh)" },
  fish: { command: "fish --no-config -i", set: "weir completion fish | source" },
} as const;

/** Keys as they are pressed, and the words that the program is then called with. */
const cases: readonly (readonly [string, readonly string[]])[] = [
  ["weir endp\tlis\t", ["endpoint", "list"]],
  ["weir endpoint l\t", ["endpoint", "l"]],
  ["weir endpoint lab\t12", ["endpoint", "labels", "12"]],
  ["weir endpoint get 12\t", ["endpoint", "get", "12"]],
  ["weir observe --ver\tDRO\t", ["observe", "--verdict", "DROPPED"]],
  ["weir observe --verdict=FOR\t", ["observe", "--verdict=FORWARDED"]],
  ["weir status -o js\t", ["status", "-o", "json"]],
  ["weir policy get Net\t", ["policy", "get", "NetworkPolicy/shop/web"]],
  ["weir observe --pod sh\t", ["observe", "--pod", "shop/web-1"]],
  ["weir policy eval --from oth\t", ["policy", "eval", "--from", `other/${hostile}`]],
  // Not known to the agent: a file.
  ["weir policy validate some-f\t", ["policy", "validate", "some-file.yaml"]],
];

test.for(Object.keys(shells) as (keyof typeof shells)[])(
  "%s completes commands, options and what the agent knows",
  async (shell) => {
    await using api = await ApiFixture.start({ endpoints });
    const folder = join(api.runDir, "shell");
    mkdirSync(folder);
    const called = join(folder, "called");
    // Stands for the program: completion is the real one's, every other call is written down.
    const stub = `#!/bin/sh
case $1 in
  completion|__complete) exec ${process.execPath} ${program} "$@" ;;
esac
printf '%s\\0' "$@" >${called}.new && mv ${called}.new ${called}
`;
    writeFileSync(join(folder, "weir"), stub, { mode: 0o755 });
    writeFileSync(join(folder, "some-file.yaml"), "");
    const child = spawn("script", ["-qefc", shells[shell].command, "/dev/null"], {
      cwd: folder,
      env: { PATH: `${folder}:${process.env["PATH"]}`, HOME: folder, TERM: "dumb", WEIR_RUN_DIR: api.runDir },
    });
    let screen = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (screen += text));
    const type = async (keys: string): Promise<string[]> => {
      rmSync(called, { force: true });
      child.stdin.write(`${keys}\n`);
      await until(`a call after ${JSON.stringify(keys)}`, () => existsSync(called)).catch((error: Error) => {
        throw new Error(`${error.message}\n${screen}`);
      });
      return readFileSync(called, "utf8").split("\0").slice(0, -1);
    };
    try {
      await type(`${shells[shell].set}\nweir ready`);
      for (const [keys, words] of cases) expect([keys, await type(keys)]).toEqual([keys, words]);
      expect(existsSync(join(folder, "harm"))).toBe(false);
    } finally {
      child.stdin.end("exit\n");
      await once(child, "close");
    }
  },
);
