import { expect, test } from "vitest";
import { answerError, ApiError } from "#agent/api/errors.ts";
import { EndpointError } from "#agent/endpoint/errors.ts";
import { IpamError } from "#agent/ipam/errors.ts";
import { StoreError } from "#agent/store/errors.ts";

const said = { asked: "allocate an address", obstacle: "the pool is empty" };
const foreign = (name: string, code: string): Error => Object.assign(new Error("x"), { name, code });

test.each<[string, unknown, number]>([
  ["what the API finds", new ApiError("not-found", said), 404],
  ["an endpoint that is there already", new EndpointError("exists", "attach: it exists"), 409],
  ["a pool that may have an address later", new IpamError("pool-exhausted", said), 503],
  ["a store that does not answer", new StoreError("unavailable", said), 503],
  ["a caller's mistake of ours", new StoreError("too-large", said), 500],
  ["the same word of a kernel's error", foreign("BpfError", "not-found"), 500],
  ["a system call's", foreign("Error", "ENOENT"), 500],
  ["a bug", new TypeError("x is undefined"), 500],
  ["what is no error at all", "oops", 500],
])("%s", (_, thrown, status) => {
  expect(answerError(thrown).status).toBe(status);
});

test("the sentence and its details reach the caller", () => {
  expect(answerError(new ApiError("invalid-policy", { ...said, details: "a\nb" })).body).toEqual({
    error: { code: "invalid-policy", message: "allocate an address: the pool is empty", details: "a\nb" },
  });
});
