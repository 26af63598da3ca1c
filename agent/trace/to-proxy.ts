/** Where it ends when a rule speaks of requests: what becomes of them no packet tells. */
export const TO_PROXY = "goes to the proxy, which looks at the requests";
