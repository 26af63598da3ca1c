import type { LiveFrame } from "#agent/ui/frame.ts";

/** An answer that is none of the good ones. */
export class AgentError extends Error {
  override readonly name = "AgentError";
  readonly status: number;
  /** One finding a line. */
  readonly details: string;

  constructor(status: number, message: string, details: string) {
    super(message);
    this.status = status;
    this.details = details;
  }
}

/** Opens the session that a link's token is for. @throws AgentError 401. */
export async function openSession(token: string): Promise<void> {
  await expectGood(await fetch("/session", { method: "POST", headers: { authorization: `Bearer ${token}` } }));
}

/** @throws AgentError */
export async function get<T>(path: string, query: Readonly<Record<string, string>>): Promise<T> {
  const response = await expectGood(await fetch(`${path}?${new URLSearchParams(query)}`));
  return (await response.json()) as T;
}

/** @throws AgentError */
export async function ask<T>(path: string, body: unknown, signal: AbortSignal): Promise<T> {
  const headers = { "content-type": "application/json" };
  const response = await expectGood(await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal }));
  return (await response.json()) as T;
}

/** Frames as they come; ends when the agent does. @throws AgentError */
export async function* frames(query: URLSearchParams, signal: AbortSignal): AsyncGenerator<LiveFrame> {
  const { body } = await expectGood(await fetch(`/v1/live?${query}`, { signal }));
  let rest = "";
  for await (const text of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line) as LiveFrame;
  }
}

async function expectGood(response: Response): Promise<Response> {
  if (response.ok) return response;
  const text = await response.text();
  const { message = `the agent answered with status ${response.status}`, details = "" } = readError(text);
  throw new AgentError(response.status, message, details);
}

function readError(text: string): { message?: string; details?: string } {
  try {
    return (JSON.parse(text) as { error?: { message?: string; details?: string } }).error ?? {};
  } catch {
    return {}; // not the agent's: the status must do
  }
}
