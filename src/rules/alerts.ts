/**
 * Alerts: a retained message for each one that is active, and an event, which is a record, for all that happens to it.
 * What is retained at the broker outlives the process, so that the topics are kept in a small file: an alert that ended
 * while nobody looked is taken back when that is known, and one that is in the configuration no more at the start.
 */

import type { Clock } from '../clock.ts'
import { number, tableOf } from '../contents.ts'
import type { Logger } from '../log.ts'
import type { ReadTime } from '../outbox/record-clock.ts'
import { StateFile } from '../state-file.ts'
import type { AlertEventKind, AlertTold, Message, Telemetry } from '../telemetry.ts'

export interface AlertsOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly telemetry: Telemetry
  readonly publish: (message: Message) => void
  readonly store: (record: Message, read: ReadTime) => void
  /** Whether the wall clock is known to be wrong. */
  readonly unsynchronised: () => boolean
  /** Where to keep the topics of what is retained; undefined: nowhere. */
  readonly file: string | undefined
}

/** What an alert is about; the rule may be another one after a reload. */
export type About = Pick<AlertTold, 'sensor' | 'about'>

interface Active {
  about: About
  /** Monotonic, ms. */
  readonly since: number
  count: number
}

const contents = tableOf(number)
const like = '{"alerts/rpi001/frost":1767225600000}'

export class Alerts {
  readonly #options: AlertsOptions
  readonly #file: StateFile<Record<string, number>> | undefined
  readonly #active = new Map<string, Active>()
  /** Topics that an earlier run has left, and since when, ms since 1970. */
  readonly #left = new Map<string, number>()
  /** Topics on which nothing is, for certain. */
  readonly #cleared = new Set<string>()
  /** Events so far, by sensor: each has a topic of its own. */
  readonly #counts = new Map<string | undefined, number>()

  constructor(options: AlertsOptions) {
    const { file, log } = options
    this.#options = options
    this.#file =
      file === undefined
        ? undefined
        : new StateFile({
            file,
            contents,
            like,
            what: 'the list of alerts',
            without: 'old ones may stay at the broker',
            log,
          })
  }

  /** Reads what an earlier run left. */
  async load(): Promise<void> {
    for (const [topic, since] of Object.entries((await this.#file?.load()) ?? {})) this.#left.set(topic, since)
  }

  /** From now on there are these alerts: what an earlier run left of others is taken back. */
  keepOnly(names: readonly string[]): void {
    const topics = new Set(names.map((name) => this.#options.telemetry.alertTopic(name)))
    for (const topic of [...this.#left.keys()]) if (!topics.has(topic)) this.#clear(topic)
    this.#save()
  }

  active(name: string): boolean {
    return this.#active.has(name)
  }

  begin(name: string, about: About, kind: 'begin' | 'escalate' = 'begin'): void {
    const topic = this.#options.telemetry.alertTopic(name)
    this.#active.set(name, { about, since: this.#options.clock.monotonic(), count: 1 })
    this.#left.delete(topic)
    this.#cleared.delete(topic)
    this.#tell(name, kind)
    this.#save()
  }

  /** It is still there, and is told once more. */
  again(name: string, about: About, kind: 'repeat' | 'escalate' = 'repeat'): void {
    const alert = this.#active.get(name)
    if (alert === undefined) return
    alert.count += 1
    alert.about = about
    this.#tell(name, kind)
  }

  /** It is certain that it does not hold. */
  over(name: string, about: About): void {
    const topic = this.#options.telemetry.alertTopic(name)
    const alert = this.#active.get(name)
    const since = this.#left.get(topic)
    if (alert !== undefined) this.#event('end', name, this.#told({ ...alert, about }))
    else if (since !== undefined)
      this.#event('end', name, { ...about, since, count: 0, unsynchronised: this.#options.unsynchronised() })
    this.#active.delete(name)
    if (this.#cleared.has(topic)) return
    this.#clear(topic)
    this.#save()
  }

  /** What is active, with the times as they are known now: the broker is there again, or the clock was set. */
  renew(): void {
    for (const name of this.#active.keys()) this.#retain(name)
  }

  /** Resolves when all is on disk. */
  async flush(): Promise<void> {
    await this.#file?.flush()
  }

  #tell(name: string, kind: AlertEventKind): void {
    const alert = this.#active.get(name)
    if (alert === undefined) return
    this.#retain(name)
    this.#event(kind, name, this.#told(alert))
  }

  #retain(name: string): void {
    const alert = this.#active.get(name)
    if (alert !== undefined) this.#options.publish(this.#options.telemetry.alert(name, this.#told(alert)))
  }

  #event(kind: AlertEventKind, name: string, told: AlertTold): void {
    const { clock, telemetry, store } = this.#options
    const seq = this.#counts.get(told.sensor) ?? 0
    this.#counts.set(told.sensor, seq + 1)
    const at = clock.now()
    const read = { at, monotonic: clock.monotonic(), unsynchronised: told.unsynchronised }
    store(telemetry.alertEvent(kind, name, told, at, seq), read)
  }

  /** `since` by the monotonic clock: a wall clock that was set meanwhile does not move it. */
  #told({ about, since, count }: Active): AlertTold {
    const { clock, unsynchronised } = this.#options
    const ago = clock.monotonic() - since
    return { ...about, since: clock.now() - ago, count, unsynchronised: unsynchronised() }
  }

  #clear(topic: string): void {
    this.#left.delete(topic)
    this.#cleared.add(topic)
    this.#options.publish(this.#options.telemetry.alertCleared(topic))
  }

  /** What the broker may have: what is active, and what nobody has taken back. */
  #save(): void {
    const { clock, telemetry } = this.#options
    void this.#file?.save(() => {
      const active = [...this.#active].map(([name, { since }]): [string, number] => [
        telemetry.alertTopic(name),
        Math.round(clock.now() - clock.monotonic() + since),
      ])
      return Object.fromEntries([...this.#left, ...active])
    })
  }
}
