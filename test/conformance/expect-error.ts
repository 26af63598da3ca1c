import { expect } from "vitest";
import { PluginError, type Reply } from "./plugin-call.ts";
import type { ErrorObject } from "./result-schema.ts";

/** Expects that the plugin failed with this code, and gives what it said. */
export function expectError(reply: Reply, code: number): ErrorObject {
  const { error } = reply;
  expect({ code: error?.code, msg: error?.msg, output: reply.output }).toMatchObject({ code });
  if (error === null) throw new Error("unreachable: there is an error with a code");
  return error;
}

/** The same of a runtime's operation. */
export async function expectFailure(operation: Promise<unknown>, code: number): Promise<ErrorObject> {
  const thrown: unknown = await operation.then(
    () => "it succeeded",
    (error: unknown) => error,
  );
  if (!(thrown instanceof PluginError)) throw new Error(`a failure with code ${code} was expected`, { cause: thrown });
  expect(thrown.error).toMatchObject({ code });
  return thrown.error;
}

/** Expects that the plugin did what it was told, and printed nothing. */
export function expectSilence({ exitCode, output, error }: Reply): void {
  expect({ exitCode, output, error }).toEqual({ exitCode: 0, output: null, error: null });
}
