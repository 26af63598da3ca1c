import type { ControlConnection } from "./control-connection.ts";
import type { Admission, DnsAnswer } from "./names.ts";

/** Who admits what answers say while no agent is there. */
export interface AgentAway {
  admit(answer: DnsAnswer): Promise<Admission>;
}

interface Question {
  readonly answer: DnsAnswer;
  readonly settle: (admission: Admission) => void;
}

/** DNS answers that wait until policy knows their addresses. */
export class Admissions {
  readonly #away: AgentAway;
  readonly #asked = new Map<number, Question>();
  #agent: ControlConnection | null = null;
  #next = 1;

  constructor(away: AgentAway) {
    this.#away = away;
  }

  /** Who is to be asked from now on; what the one before was asked is not answered by the new one. */
  set agent(agent: ControlConnection | null) {
    this.#agent = agent;
    const open = [...this.#asked.values()];
    this.#asked.clear();
    for (const { answer, settle } of open) this.admit(answer, settle);
  }

  admit(answer: DnsAnswer, settle: (admission: Admission) => void): void {
    if (this.#agent === null) {
      void this.#away.admit(answer).then(settle, () => settle("refused"));
      return;
    }
    const id = this.#next++;
    this.#asked.set(id, { answer, settle });
    this.#agent.send({ type: "admit", id, answer });
  }

  settled(id: number, admission: Admission): void {
    this.#asked.get(id)?.settle(admission);
    this.#asked.delete(id);
  }
}
