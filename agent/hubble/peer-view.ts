/** How the observer of a node is reached. */
export interface PeerView {
  /** `192.0.2.7:4244`, `[2001:db8::7]:4244` or `unix:///run/weir/hubble.sock`. */
  readonly address: string;
  /** The name that its certificate is for; null: it speaks without TLS. */
  readonly serverName: string | null;
}
