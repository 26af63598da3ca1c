/**
 * A socket of family AF_NETLINK, protocol NETLINK_ROUTE, however it was made. It belongs
 * for good to the network namespace that its thread was in when it was made.
 *
 * The kernel answers within `send`, so `receive` after a request does not wait.
 */
export interface NetlinkTransport {
  /** Sends one datagram. @throws when the kernel does not take it. */
  send(bytes: Uint8Array): void;
  /** The next whole datagram; the bytes hold until the next call. @throws when there is none. */
  receive(): Uint8Array;
}
