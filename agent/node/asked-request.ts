import type { RequestContent } from "#agent/proxy/request-record.ts";
import { REDACTED } from "#agent/proxy/header-values.ts";
import type { L7Request } from "#policy/l7/request.ts";

/** A request that the proxy has told of, as policy is asked about it; null: policy has no words for such a question. */
export function askedRequest(content: RequestContent): L7Request | null {
  switch (content.family) {
    case "http":
      return httpRequest(content);
    case "dns":
      return { family: "dns", name: content.query };
    case "tls":
      return { family: "tls", serverName: content.serverName };
    case "kafka":
      return null;
  }
}

/** What is to be said of a request that {@link askedRequest} has no question for, and that no rule allowed. */
export function unaskedMiss(content: RequestContent): string {
  if (content.family !== "kafka") return "the request does not meet it";
  const { apiKey, apiVersion, clientId, topics } = content;
  const about = topics.length > 0 ? ` of ${topics.join(", ")}` : "";
  return `${apiKey} version ${apiVersion}${about} by client ${clientId} is not among what it allows`;
}

function httpRequest({ method, url, headers }: RequestContent & { readonly family: "http" }): L7Request {
  const [, host = "", path = ""] = /^(?:[a-z][a-z0-9+.-]*:\/\/)?([^/?#]*)([^]*)$/i.exec(url) ?? [];
  // RFC 9112 3.2.4: of the server itself.
  const target = method === "OPTIONS" && url === "*" ? { host: "", path: "*" } : { host, path };
  const fields = headers.map(({ key, value }) => ({ name: key, value }));
  const hidden = headers.flatMap(({ key, value }) => (value === REDACTED ? [key.toLowerCase()] : []));
  return { family: "http", method, ...target, headers: fields, hidden };
}
