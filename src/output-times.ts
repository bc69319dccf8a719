/**
 * What each output owes, kept for the process after this one: the end of a `for`, since when it is on, when it was
 * last switched, since when the broker is away. Times are those of the monotonic clock, so they stand beside the id of
 * the boot, in a file in memory (`$RUNTIME_DIRECTORY`, which systemd keeps over a restart of the service). Written
 * by the outputs, read by `output-start.ts`. Each write is over when it returns: a pin whose switch has to be on record
 * first is switched in the same turn of the event loop all the same.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { OutputConfig } from './config/schema.ts'
import { type Held, number, oneOf, PIN_KEY, section, tableOf, text } from './contents.ts'
import type { Logger } from './log.ts'
import { StateFile } from './state-file.ts'

const level = oneOf(0, 1)

const TIMES = {
  /** A limit ran when the machine went down: whatever it was, it is over. */
  expired: oneOf(true),
  /** The level that the end of a `for` brings, and when. */
  pulse: section({ at: number, level }, {}),
  /** Of a pin with `max_on`: when it went on, or may have. */
  onSince: number,
  /** Of a pin with `min_interval`: its last switch. */
  switched: number,
  /** Of a pin with `initial: last`: what it was ordered to be. The copy for a restart; the card's is for a boot. */
  last: level,
}

const pinTimes = section({}, TIMES)

/** Of one output, on the monotonic clock, ms. */
export type PinTimes = Readonly<Held<typeof pinTimes>>

const contents = section({ boot: text, pins: tableOf(pinTimes, PIN_KEY) }, { away: number })
const like = '{"boot":"…","pins":{"17":{}}}'

const NOTHING: PinTimes = {}
const KEYS = Object.keys(TIMES) as (keyof PinTimes)[] // the keys of a const object are its keys

export interface OutputTimesOptions {
  /** Undefined: nothing outlives the process. */
  readonly folder: string | undefined
  readonly outputs: readonly OutputConfig[]
  readonly log: Logger
}

export class OutputTimes {
  readonly #file: StateFile<Held<typeof contents>> | undefined
  readonly #log: Logger
  #kept: ReadonlySet<number>
  readonly #pins = new Map<number, PinTimes>()
  #boot = ''
  #away: number | undefined

  constructor({ folder, outputs, log }: OutputTimesOptions) {
    const what = 'what the outputs owe'
    const without = 'limits count from now'
    if (folder !== undefined)
      this.#file = new StateFile({ file: join(folder, 'outputs.json'), contents, like, what, without, log })
    this.#log = log
    this.#kept = keptOf(outputs)
  }

  /** Reads what an earlier process left. `boot`: undefined where it is not known, which is like none that was. */
  async load(boot: string | undefined): Promise<void> {
    this.#boot = boot ?? randomUUID()
    if (this.#kept.size === 0) return
    if (this.#file === undefined) return this.#warn()
    const left = await this.#file.load()
    if (left === undefined) return
    const same = left.boot === this.#boot
    if (same) this.#away = left.away
    for (const [pin, times] of Object.entries(left.pins)) {
      if (this.#kept.has(Number(pin))) this.#pins.set(Number(pin), same ? times : afterBoot(times))
    }
  }

  /** From now on these are the outputs; what those that need it owe already is kept, too. */
  keepThose(outputs: readonly OutputConfig[]): void {
    const before = this.#kept
    this.#kept = keptOf(outputs)
    if (this.#file === undefined && before.size === 0 && this.#kept.size > 0) this.#warn()
    if ([...this.#kept].some((pin) => !before.has(pin))) this.#save()
  }

  of(pin: number): PinTimes {
    return this.#pins.get(pin) ?? NOTHING
  }

  /** Since when the broker is away; undefined while it is there, and where nobody knows. */
  get away(): number | undefined {
    return this.#away
  }

  setAway(away: number | undefined): void {
    if (this.#away === away) return
    this.#away = away
    this.#save()
  }

  /** When this returns a SIGKILL can't take it away any more. Never throws: what can't be kept is told by the file. */
  keep(pin: number, times: PinTimes): void {
    const known = this.of(pin)
    this.#pins.set(pin, times)
    if (this.#kept.has(pin) && JSON.stringify(times) !== JSON.stringify(known)) this.#save()
  }

  /** As `keep`, of what is told alone; of what was so already nothing is made. */
  note(pin: number, news: PinTimes): void {
    const known = this.of(pin)
    if (KEYS.some((key) => key in news && news[key] !== known[key])) this.keep(pin, { ...known, ...news })
  }

  #warn(): void {
    const reason = 'there is no runtime folder ($RUNTIME_DIRECTORY)'
    this.#log.warn({ reason }, '"for", max_on, on_disconnect and min_interval don’t outlive this process')
  }

  #save(): void {
    if (this.#kept.size === 0) return
    this.#file?.saveNow({
      boot: this.#boot,
      away: this.#away,
      pins: Object.fromEntries([...this.#pins].filter(([pin]) => this.#kept.has(pin))),
    })
  }
}

/** Outputs that begin off whatever was need nothing kept, unless their switches are counted. */
function keptOf(outputs: readonly OutputConfig[]): ReadonlySet<number> {
  return new Set(outputs.filter((pin) => pin.initial !== 'off' || pin.min_interval !== undefined).map(({ pin }) => pin))
}

/** A limit on being on is over after a boot; the rest has no meaning then. */
function afterBoot({ expired, pulse, onSince }: PinTimes): PinTimes {
  return expired === true || pulse?.level === 0 || onSince !== undefined ? { expired: true } : {}
}
