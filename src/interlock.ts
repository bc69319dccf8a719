/**
 * Outputs of which never two are on at once: the two directions of a motor. Who wants to go on waits for its turn,
 * sees the others off, lets the pause pass, and goes on; the newest order calls off those that still wait. Going off
 * needs no turn and waits for nobody. A pin without a group is a group of its own, in which none of this happens.
 */
import type { Clock } from './clock.ts'
import { LATE, withDeadline } from './deadline.ts'
import { messageOf, Refused } from './errors.ts'
import type { Logger } from './log.ts'

/** One of the group, as the others see it. */
export interface Member {
  readonly pin: number
  /** Its level is known. */
  readonly known: boolean
  /** It is on, or is to be as soon as the group lets it. */
  readonly claims: boolean
  /** Since when it is off, monotonic ms. */
  readonly offSince: number
  /** @throws Refused where it is on and must not be switched now */
  demandOff(): void
  /** Resolves when it is off, and will not go on by itself. @throws where that is not sure */
  makeOff(): Promise<void>
  /** It was on, or was to be, together with another one: switches it off as soon as it can. */
  giveUp(): void
  /** The group is known, and nobody else claims it: goes on where it was to be from the start. */
  begin(): void
}

export interface InterlockOptions {
  /** The group's; undefined for a pin without one. */
  readonly name: string | undefined
  readonly clock: Clock
  readonly log: Logger
}

/** A pin that does not answer must not hold the group up. */
const OFF_DEADLINE_MS = 1000

export class Interlock {
  readonly #options: InterlockOptions
  #members: readonly Member[] = []
  /** Those that were in it before the last change of the configuration: who comes anew gives way to them. */
  #established: ReadonlySet<Member> = new Set()
  /** Who wants to go on and has not begun to. */
  readonly #waiting = new Map<AbortController, Member>()
  /** At most one at a time goes on. */
  #turn: Promise<unknown> = Promise.resolve()

  /** Of which pins it has been told that they would be on together. */
  #told = ''

  constructor(options: InterlockOptions) {
    this.#options = options
  }

  join(member: Member): void {
    this.#members = [...this.#members, member]
  }

  /** It belongs to the group no more: whatever it waited for in it is called off. */
  leave(member: Member, reason: Refused): void {
    this.callOff(reason, member)
    this.#members = this.#members.filter((other) => other !== member)
    this.#established = new Set([...this.#established].filter((other) => other !== member))
  }

  /** From now on all members are equal: a start or a change of the configuration is over. */
  establish(): void {
    this.#established = new Set(this.#members)
  }

  get alone(): boolean {
    return this.#members.length < 2
  }

  /** Somebody waits to go on. */
  get busy(): boolean {
    return this.#waiting.size > 0
  }

  /** Calls off whoever waits to go on, or of those one alone. True where there was somebody. */
  callOff(reason: Refused, member?: Member): boolean {
    const found = [...this.#waiting].filter(([, who]) => member === undefined || who === member)
    for (const [controller] of found) controller.abort(reason)
    return found.length > 0
  }

  /**
   * Does `goOn` when all others are off and have been for `pauseMs`. Until then it can be called off by the controller.
   *
   * @throws Refused where another one can't be brought off; the controller's reason; what `goOn` throws
   */
  async goOn(member: Member, pauseMs: number, controller: AbortController, goOn: () => Promise<void>): Promise<void> {
    if (this.alone) return await goOn()
    this.callOff(new Refused(`called off by a later order for pin ${member.pin}`))
    this.#waiting.set(controller, member)
    const turn = this.#turn.then(async () => {
      try {
        // Once more where somebody has joined meanwhile.
        for (let cleared: readonly Member[] = []; cleared !== this.#members; ) {
          cleared = this.#members
          await this.#clear(member, pauseMs, controller.signal)
        }
      } finally {
        this.#waiting.delete(controller)
      }
      await goOn()
    })
    this.#turn = turn.catch(() => {}) // whoever wants to go on gets the error
    return await turn
  }

  /** A member has been opened, or has joined: sorts out who may be on. */
  opened(): void {
    if (this.alone) return
    const claiming = this.#members.filter(({ claims }) => claims)
    if (claiming.length > 1) {
      const newcomers = claiming.filter((member) => !this.#established.has(member))
      const giving = newcomers.length < claiming.length && newcomers.length > 0 ? newcomers : claiming
      this.#tell(claiming, giving)
      for (const member of giving) member.giveUp()
    } else if (this.#members.every(({ known }) => known)) claiming[0]?.begin()
  }

  #tell(claiming: readonly Member[], giving: readonly Member[]): void {
    const pins = claiming.map(({ pin }) => pin).join()
    if (pins === this.#told) return
    this.#told = pins
    const fields = { interlock: this.#options.name, pins }
    if (giving === claiming) this.#options.log.error(fields, 'more than one would be on at the start: all off')
    else
      this.#options.log.warn(
        { ...fields, off: giving.map(({ pin }) => pin).join() },
        'who joins an interlock gives way',
      )
  }

  async #clear(member: Member, pauseMs: number, signal: AbortSignal): Promise<void> {
    const { clock, name } = this.#options
    signal.throwIfAborted()
    const others = this.#members.filter((other) => other !== member)
    const refuse = (other: Member, why: string, cause?: unknown): Refused =>
      new Refused(`pin ${other.pin} of the interlock ${name} can't be brought off: ${why}`, { cause })
    for (const other of others) {
      try {
        other.demandOff()
      } catch (error) {
        throw refuse(other, messageOf(error), error)
      }
    }
    const off = others.map(async (other) => {
      const done = await withDeadline(() => other.makeOff(), OFF_DEADLINE_MS, clock).catch((error: unknown) => {
        throw refuse(other, messageOf(error), error)
      })
      if (done === LATE) throw refuse(other, 'it does not answer')
    })
    for (const result of await Promise.allSettled(off)) if (result.status === 'rejected') throw result.reason
    const free = Math.max(...others.map(({ offSince }) => offSince)) + pauseMs
    const rest = free - clock.monotonic()
    if (rest > 0) await clock.sleep(rest, signal)
    signal.throwIfAborted()
  }
}
