import { readFileSync } from "node:fs";

import type {
  Activation,
  ActivationRequest,
  Attachment,
  AttachmentAddress,
  AttachmentRequest,
  AttachmentStatus,
  CheckReport,
  CheckRequest,
  ErrorBody,
  Release,
  ReleaseQuery,
} from "#agent/api/attachment.ts";

import { CniError, ErrorCode } from "./errors.ts";
import { integer, list, match, nullable, object, optional, type Shape, text, truth } from "./shape.ts";
import { askUnixSocket, type HttpAnswer, HttpError, type HttpRequest } from "./unix-http.ts";

/** How long the agent may take for one request: far more than it needs, less than runtimes wait. Milliseconds. */
const answerTimeout = 30_000;

/** How long an agent that is not there is waited for, in milliseconds. */
const patience = {
  /** No process: it may be between two lives, but more likely it is gone. */
  absent: 500,
  /** The process lives, but does not listen: it starts. */
  starting: 5_000,
};
const retryInterval = 10;

const family = object<AttachmentAddress>({ address: text(), prefix: integer(0, 128), gateway: text() });
const attachment = object<Attachment>({
  id: integer(1, Number.MAX_SAFE_INTEGER),
  hostInterface: text(),
  mac: text(),
  hostMac: text(),
  mtu: integer(68, 65535),
  ipv4: nullable(family),
  ipv6: nullable(family),
});
const activation = object<Activation>({ id: integer(1, Number.MAX_SAFE_INTEGER) });
const release = object<Release>({ released: truth });
const checkReport = object<CheckReport>({ problems: list(text()) });
const attachmentStatus = object<AttachmentStatus>({ ready: truth, limited: truth, problems: list(text()) });
const errorBody: Shape<{ error: { code: string; message: string; details: string | undefined } }> = object({
  error: object({ code: text(), message: text(), details: optional(text()) }),
});

/** The agent's answer was {@link ErrorBody}. */
export class AgentRefusal extends CniError {
  readonly status: number;
  /** The agent's word for it, e.g. `pool-exhausted`. */
  readonly reason: ErrorBody["error"]["code"];

  constructor(what: string, status: number, reason: string, message: string, details?: string) {
    super(codeFor(status), `${what}: ${message}`, [`agent: ${status} ${reason}`, details ?? ""].join("\n").trim());
    this.status = status;
    this.reason = reason;
  }
}

/** Nobody answered. `asked` says whether the agent may have heard and done what was asked. */
export class AgentAbsent extends CniError {
  readonly asked: boolean;

  constructor(message: string, asked: boolean) {
    super(ErrorCode.TRY_AGAIN, message);
    this.asked = asked;
  }
}

/** Speaks the attachment API to the agent that owns a run folder. Every call throws CniError. */
export class AgentClient {
  readonly #runDir: string;

  constructor(runDir: string) {
    this.#runDir = runDir;
  }

  create(request: AttachmentRequest): Attachment {
    return this.#ask("reserve addresses", { method: "POST", path: "/v1/attachments", body: request }, attachment);
  }

  activate(id: number, request: ActivationRequest): Activation {
    const path = `/v1/attachments/${id}/activate`;
    return this.#ask("activate endpoint", { method: "POST", path, body: request }, activation);
  }

  /** Does not wait for an agent that is not there: a delete request can be left for it. */
  release({ containerId, ifName }: ReleaseQuery): Release {
    const query = `containerId=${encodeURIComponent(containerId)}&ifName=${encodeURIComponent(ifName)}`;
    return this.#ask("release endpoint", { method: "DELETE", path: `/v1/attachments?${query}` }, release, false);
  }

  check(request: CheckRequest): CheckReport {
    return this.#ask("check endpoint", { method: "POST", path: "/v1/attachments/check", body: request }, checkReport);
  }

  /** Does not wait for an agent that is not there: that is the answer. */
  status(): AttachmentStatus {
    return this.#ask("read status", { method: "GET", path: "/v1/attachments/status" }, attachmentStatus, false);
  }

  #ask<T>(what: string, request: HttpRequest, shape: Shape<T>, patient = true): T {
    const { status, body } = this.#exchange(what, request, patient);
    let value: unknown;
    try {
      value = JSON.parse(body);
    } catch (error) {
      throw new CniError(ErrorCode.AGENT, `${what}: the agent's answer is not JSON`, body.slice(0, 200), {
        cause: error,
      });
    }
    if (status >= 200 && status < 300) {
      const outcome = match(shape, value);
      if (outcome.ok) return outcome.value;
      throw new CniError(ErrorCode.AGENT, `${what}: the agent's answer is not as it should be: ${outcome.error}`);
    }
    const refusal = match(errorBody, value);
    if (!refusal.ok) throw new AgentRefusal(what, status, "unknown", `the agent answered with status ${status}`);
    const { code, message, details } = refusal.value.error;
    throw new AgentRefusal(what, status, code, message, details);
  }

  #exchange(what: string, request: HttpRequest, patient: boolean): HttpAnswer {
    const path = `${this.#runDir}/agent.sock`;
    const start = performance.now();
    for (;;) {
      try {
        return askUnixSocket(path, request, answerTimeout);
      } catch (error) {
        if (!(error instanceof HttpError)) throw error;
        const waited = performance.now() - start;
        const absent = error.code === "unreachable";
        if (absent && patient && waited < (this.#agentLives() ? patience.starting : patience.absent)) {
          sleep(retryInterval);
          continue;
        }
        throw new AgentAbsent(`${what}: no agent answers on ${path}: ${error.message}`, !absent);
      }
    }
  }

  /** Whether the process of the pid file exists: an agent that starts writes the file before it listens. */
  #agentLives(): boolean {
    try {
      const pid = Number(readFileSync(`${this.#runDir}/agent.pid`, "utf8"));
      return Number.isInteger(pid) && pid > 0 && process.kill(pid, 0);
    } catch {
      // No file, or no process: both mean that nobody is about to listen.
      return false;
    }
  }
}

/** The agent's HTTP status as a code of the CNI specification. */
function codeFor(status: number): ErrorCode {
  if (status === 503) return ErrorCode.TRY_AGAIN;
  return status === 400 ? ErrorCode.INVALID_CONFIG : ErrorCode.AGENT;
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
