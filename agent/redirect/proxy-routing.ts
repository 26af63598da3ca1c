import { ProxyMark, ProxyRoute } from "#agent/datapath/layouts.gen.ts";
import type { ProxyRouting } from "#agent/net/proxy-routes.ts";

/** How packets that the datapath has marked come to the proxy. */
export const proxyRouting: ProxyRouting = {
  mark: ProxyMark.TO_PROXY,
  mask: ProxyMark.PROXY_MASK,
  priority: ProxyRoute.RULE_PRIORITY,
  table: ProxyRoute.ROUTE_TABLE,
};
