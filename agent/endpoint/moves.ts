import type { EndpointState, Kernel } from "#agent/datapath/kernel.ts";
import type { Governed, Subject } from "#policy/model/identity.ts";
import type { Guarded } from "./enforcement-views.ts";

/** An endpoint that is to be somebody else, with the number of its new identity. */
export interface Becoming {
  readonly id: number;
  readonly identity: number;
  readonly subject: Governed;
}

/** A pod that is to be somebody else. */
export interface Joining extends Becoming {
  readonly subject: Subject;
}

/** What a change makes of an endpoint. */
export interface Move extends Readonly<Guarded> {
  readonly guarded: Guarded;
}

/** The records before the generation: what is in force on one side, what comes on the other. */
export function halfWay({ guarded, endpoint, slot, identity }: Move, inactive: number): EndpointState {
  const sides = (comes: number, is: number): [number, number] => (inactive === 0 ? [comes, is] : [is, comes]);
  return { ...endpoint, identity: sides(identity, guarded.identity), policy: sides(slot, guarded.slot) };
}

/**
 * A change that was cut short leaves records whose side not in force is another one. The
 * next change flips to that side for all endpoints, so it must say what is in force first.
 *
 * @param inKernel The records; what is written is written here, too.
 */
export async function finishChange(
  { policies, endpoints }: Kernel,
  inKernel: Map<number, EndpointState>,
  parity: number,
): Promise<void> {
  const torn = unfinished(inKernel.values(), parity);
  if (torn.length === 0) return;
  await policies.barrier();
  for (const whole of torn) {
    endpoints.write(whole);
    inKernel.set(whole.id, whole);
  }
}

/** Records of a change that was cut short, with what is in force on both sides. */
function unfinished(states: Iterable<EndpointState>, parity: number): EndpointState[] {
  const both = ([even, odd]: readonly [number, number]): [number, number] => {
    const inForce = parity === 0 ? even : odd;
    return [inForce, inForce];
  };
  return [...states]
    .filter(({ identity, policy }) => identity[0] !== identity[1] || policy[0] !== policy[1])
    .map((state) => ({ ...state, identity: both(state.identity), policy: both(state.policy) }));
}
