import { ApiError } from "#agent/api/errors.ts";

/** What a filter that cannot be understood is answered with. */
export function refusal(field: string, obstacle: string): ApiError {
  return new ApiError("bad-request", { asked: `read filter ${field}`, obstacle });
}
