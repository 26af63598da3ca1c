import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

/**
 * Every test runs in a forked process of its own: tests change network
 * namespaces, hold kernel objects and load native code, none of which may leak
 * into the next file.
 */
export default defineConfig({
  root: resolve(import.meta.dirname, ".."),
  test: {
    include: ["test/**/*.test.ts"],
    // Container runtimes are packages of some size, with services: `npm run test:runtimes` installs them.
    exclude: [
      "**/node_modules/**",
      "dist/**",
      ...(process.env["WEIR_TEST_RUNTIMES"] === "1" ? [] : ["test/runtime/**"]),
    ],
    pool: "forks",
    isolate: true,
    // Nodes, pods and program loads are heavy; more than this only makes them wait for each other.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    // A condition that is waited for comes soon or never; how soon is no matter of a test.
    expect: { poll: { timeout: 20_000 } },
    dangerouslyIgnoreUnhandledErrors: false,
    passWithNoTests: true,
  },
});
