/**
 * Numbers of the kernel's interface: `linux/netlink.h`, `rtnetlink.h`, `if_link.h`,
 * `if_addr.h`, `neighbour.h`, `veth.h`. Only those that Weir uses.
 */

/** Arguments of `socket(2)` and `setsockopt(2)` for whoever makes the transport. */
export const Socket = {
  AF_NETLINK: 16,
  SOCK_RAW: 3,
  SOCK_CLOEXEC: 0o2000000,
  NETLINK_ROUTE: 0,
  SOL_NETLINK: 270,
  /** Errors do not repeat the request's payload. Since Linux 4.2. */
  NETLINK_CAP_ACK: 10,
  /** Errors carry a sentence. Since Linux 4.12. */
  NETLINK_EXT_ACK: 11,
  /** The kernel filters dumps by what the request's header names. Since Linux 4.20. */
  NETLINK_GET_STRICT_CHK: 12,
} as const;

/** Bits of `sockaddr_nl.nl_groups`. */
export const Group = {
  LINK: 0x1,
  IPV4_ADDRESS: 0x10,
  IPV4_ROUTE: 0x40,
  IPV6_ADDRESS: 0x100,
  IPV6_ROUTE: 0x400,
} as const;

export const Family = { UNSPEC: 0, INET: 2, INET6: 10 } as const;

export const MessageType = {
  NOOP: 1,
  ERROR: 2,
  DONE: 3,
  OVERRUN: 4,
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  SETLINK: 19,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
  NEWNEIGH: 28,
  DELNEIGH: 29,
  GETNEIGH: 30,
  NEWRULE: 32,
  DELRULE: 33,
} as const;

export const MessageFlag = {
  REQUEST: 0x1,
  MULTI: 0x2,
  ACK: 0x4,
  /** The tables changed while they were dumped: some entries may be missing. */
  DUMP_INTERRUPTED: 0x10,
  /** Of requests that read. */
  DUMP: 0x300,
  /** Of requests that write. */
  REPLACE: 0x100,
  EXCLUSIVE: 0x200,
  CREATE: 0x400,
  APPEND: 0x800,
  /** Of answers: the failed request's payload is left out. */
  CAPPED: 0x100,
  /** Of answers: attributes follow the failed request's header. */
  ACK_ATTRIBUTES: 0x200,
} as const;

export const ErrorAttribute = { MESSAGE: 1 } as const;

export const LinkAttribute = {
  ADDRESS: 1,
  NAME: 3,
  MTU: 4,
  /** Index of the veth's other side, in that side's namespace. */
  LINK: 5,
  MASTER: 10,
  INFO: 18,
  NETNS_FD: 28,
  EXT_MASK: 29,
  LINK_NETNS_ID: 37,
} as const;

export const LinkInfo = { KIND: 1, DATA: 2 } as const;
export const VethInfo = { PEER: 1 } as const;

/** `RTEXT_FILTER_SKIP_STATS`: leaves most of a link's bytes out of a dump. */
export const LINK_SKIP_STATISTICS = 8;

/** `LOOPBACK_IFINDEX`: index of `lo` in every network namespace. */
export const LOOPBACK_INDEX = 1;

export const LinkFlag = { UP: 0x1, LOOPBACK: 0x8 } as const;

export const AddressAttribute = { ADDRESS: 1, LOCAL: 2, FLAGS: 8 } as const;

export const AddressFlag = {
  /** IPv4: another address of its prefix came first. IPv6: temporary (RFC 8981). */
  SECONDARY: 0x1,
  /** Usable at once: nobody else can have the address. IPv6 only. */
  NO_DAD: 0x2,
  DAD_FAILED: 0x8,
  /** IPv6: no new connections under it. */
  DEPRECATED: 0x20,
  TENTATIVE: 0x40,
  PERMANENT: 0x80,
  /** No route to the address's prefix comes with it. IPv6 since 3.14, IPv4 since 4.4. */
  NO_PREFIX_ROUTE: 0x200,
} as const;

export const RouteAttribute = {
  DESTINATION: 1,
  SOURCE: 2,
  INPUT_INTERFACE: 3,
  OUTPUT_INTERFACE: 4,
  GATEWAY: 5,
  PRIORITY: 6,
  PREFERRED_SOURCE: 7,
  METRICS: 8,
  TABLE: 15,
} as const;

/** enum fib_rule_attr and its actions: linux/fib_rules.h. */
export const RuleAttribute = { SOURCE: 2, PRIORITY: 6, MARK: 10, TABLE: 15, MARK_MASK: 16, PROTOCOL: 21 } as const;
export const RuleAction = { TO_TABLE: 1 } as const;

export const RouteMetric = { MTU: 2 } as const;
export const RouteTable = { UNSPEC: 0, DEFAULT: 253, MAIN: 254, LOCAL: 255 } as const;
export const RouteScope = { UNIVERSE: 0, LINK: 253, HOST: 254 } as const;
/** `RTN_*`: LOCAL, BROADCAST and ANYCAST are for this machine. */
export const RouteType = { UNSPEC: 0, UNICAST: 1, LOCAL: 2, BROADCAST: 3, ANYCAST: 4, MULTICAST: 5 } as const;
export const RouteFlag = { ONLINK: 0x4, CLONED: 0x200 } as const;
export const RouteProtocol = { KERNEL: 2, BOOT: 3, STATIC: 4 } as const;

export const NeighbourAttribute = { DESTINATION: 1, LINK_ADDRESS: 2, INTERFACE: 8 } as const;
export const NeighbourState = { REACHABLE: 0x2, STALE: 0x4, PERMANENT: 0x80 } as const;
