/** What a pod may send and receive, in bits a second; null: as much as there is. */
export interface PodBandwidth {
  readonly egress: number | null;
  readonly ingress: number | null;
}
