import type { PagePort } from "#agent/api/ports.ts";
import { type TcpAddress, tcpAddressText } from "#agent/api/tcp-socket.ts";
import type { PageAccess } from "#agent/ui/access.ts";

/** Links to the page. The token stands in the fragment: browsers send that to nobody. */
export function pagePort(address: TcpAddress | null, access: PageAccess): PagePort {
  return {
    link: () => {
      if (address === null) return null;
      const { token, expires } = access.issue();
      return { url: `http://${tcpAddressText(address)}/#token=${token}`, expires: expires.toISOString() };
    },
  };
}
