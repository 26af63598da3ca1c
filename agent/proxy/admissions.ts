import type { ControlConnection } from "./control-connection.ts";
import type { Admission, DnsAnswer, NameRules } from "./names.ts";

/** Who admits what answers say while no agent is there. */
export interface AgentAway {
  /** What the agent has told last. */
  rules: NameRules | null;
  /** Null: an agent lives, who alone may admit. Never throws. */
  admit(answer: DnsAnswer): Admission | null;
}

interface Question {
  readonly answer: DnsAnswer;
  /** Null: nobody waits. */
  readonly settle: ((admission: Admission) => void) | null;
}

/** Addresses of answers that wait, for a word or for an agent that starts: one may have thousands. */
const mostWaiting = 262_144;

/** DNS answers that wait until policy knows their addresses. */
export class Admissions {
  readonly #away: AgentAway;
  readonly #asked = new Map<number, Question>();
  #agent: ControlConnection | null = null;
  #addresses = 0;
  #next = 1;

  constructor(away: AgentAway) {
    this.#away = away;
  }

  get rules(): NameRules | null {
    return this.#away.rules;
  }

  set rules(rules: NameRules | null) {
    this.#away.rules = rules;
  }

  /** Who is to be asked from now on; what the one before was asked is not answered by the new one. */
  set agent(agent: ControlConnection | null) {
    this.#agent = agent;
    const open = [...this.#asked.values()];
    this.#asked.clear();
    this.#addresses = 0;
    for (const question of open) this.#ask(question);
  }

  admit(answer: DnsAnswer, settle: (admission: Admission) => void): void {
    this.#ask({ answer, settle });
  }

  /** As {@link admit}, where nobody waits. */
  hear(answer: DnsAnswer): void {
    this.#ask({ answer, settle: null });
  }

  settled(id: number, admission: Admission): void {
    const question = this.#asked.get(id);
    if (!question) return;
    this.#asked.delete(id);
    this.#addresses -= question.answer.addresses.length;
    question.settle?.(admission);
  }

  #ask(question: Question): void {
    const { answer, settle } = question;
    if (this.#agent !== null && settle === null) {
      // What an agent does not read in time nobody waits for.
      if (!this.#agent.isFull) this.#agent.send({ type: "heard", answer });
      return;
    }
    const admission = this.#agent === null ? this.#away.admit(answer) : null;
    if (admission !== null) return settle?.(admission);
    if (this.#addresses + answer.addresses.length > mostWaiting) return settle?.("refused");
    this.#addresses += answer.addresses.length;
    const id = this.#next++;
    // Without an agent that is attached it is asked when one is.
    this.#asked.set(id, question);
    this.#agent?.send({ type: "admit", id, answer });
  }
}
