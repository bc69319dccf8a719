/**
 * Work on one line, one piece after the other. What comes while nothing is under way begins before `add` returns, so
 * that it can be over by then. Used by `onoff-output.ts` and by the output pins of the agent.
 */

export class InOrder {
  #underWay = 0
  /** Settles, never rejects, after the last of them, and before whoever asked for that hears of it. */
  #tail: Promise<unknown> = Promise.resolve()
  readonly #over = (): void => {
    this.#underWay -= 1
  }

  /** Nothing is under way, and nothing waits. */
  get idle(): boolean {
    return this.#underWay === 0
  }

  /** Settles as the work does. */
  add<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.idle ? work() : this.#tail.then(work)
    this.#underWay += 1
    this.#tail = turn.then(this.#over, this.#over) // the caller has `turn`, and what it throws
    return turn
  }
}
