/**
 * Work on one line, one piece after the other. What comes while nothing is under way begins before `add` returns, so
 * that it can be over by then. Used by `onoff-output.ts` and by the output pins of the agent.
 */

export class InOrder {
  #underWay = 0
  #tail: Promise<unknown> = Promise.resolve()

  /** Nothing is under way, and nothing waits. */
  get idle(): boolean {
    return this.#underWay === 0
  }

  /** Settles as the work does. */
  add<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.idle ? work() : this.#tail.then(work)
    this.#underWay += 1
    const result = turn.finally(() => {
      this.#underWay -= 1
    })
    this.#tail = result.catch(() => {}) // the caller has `result`
    return result
  }
}
