import type { ClientSessionOptions, ServerSessionOptions, Settings } from "node:http2";
import type { ConnectionLimits } from "../proxied-connection.ts";

/** Streams that a client may have open at once; what servers mostly allow, and enough for one connection. */
const STREAMS = 100;
/** Bytes that a stream may have under way, unread, in each direction: what both ends assume before they are told. */
const WINDOW = 65_535;
/** Megabytes that a session may hold beside the content of its streams: heads, frames that wait to be sent, HPACK tables. */
const MEMORY = 4;
/** Bytes that a name and a value are reckoned to cost beside their own: RFC 9113, section 6.5.2. */
export const FIELD_COST = 32;

/** What both sessions say at their begin. A peer need not know our bounds to be held to them. */
export function sessionSettings({ headBytes, headFields }: ConnectionLimits): Settings {
  return {
    enablePush: false,
    initialWindowSize: WINDOW,
    maxConcurrentStreams: STREAMS,
    maxHeaderListSize: headBytes + headFields * FIELD_COST,
  };
}

function sharedOptions(limits: ConnectionLimits): ClientSessionOptions & ServerSessionOptions {
  return {
    settings: sessionSettings(limits),
    // Pseudo-headers are counted with the others.
    maxHeaderListPairs: limits.headFields + 8,
    maxSendHeaderBlockLength: limits.headBytes + limits.headFields * FIELD_COST,
    maxSessionMemory: MEMORY,
    maxSettings: 32,
    maxOutstandingPings: 2,
    peerMaxConcurrentStreams: STREAMS,
  };
}

/**
 * Of the session with the client, whose frames are as hostile as can be. Resets beyond the burst and the rate a second
 * end it (CVE-2023-44487), as do frames that are refused or empty, and streams that were refused.
 */
export function clientFacingOptions(limits: ConnectionLimits): ServerSessionOptions {
  return {
    ...sharedOptions(limits),
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
    streamResetBurst: 1000,
    streamResetRate: 33,
  };
}

/** Of the session with the server. */
export function serverFacingOptions(limits: ConnectionLimits): ClientSessionOptions {
  return { ...sharedOptions(limits), maxReservedRemoteStreams: 0 };
}
