/**
 * The books of a fault run: what agents read (from their own log), what of it the broker acknowledged and in which
 * order it first came (from the link), and what a consumer got in the end.
 */
import { z } from 'zod'

const record = z.object({
  node: z.string(),
  sensor: z.string().default(''),
  run: z.string(),
  seq: z.int().min(0),
  timestamp: z.iso.datetime(),
})

/** All records of one sensor in one run of the agent. */
interface Series {
  /** Seqs in the order in which they first came through. */
  readonly arrivals: number[]
  readonly known: Set<number>
  readonly acknowledged: Set<number>
  readonly consumed: Set<number>
  duplicates: number
}

export interface Account {
  /** Readings that the agents made. */
  readonly read: number
  /** Of those that had to be delivered, how many the broker never acknowledged. */
  readonly lost: number
  /** First arrivals after a later one of the same sensor and run. */
  readonly reordered: number
  readonly duplicates: number
  /** Acknowledged by the broker, and never seen by a consumer that kept its session. */
  readonly lostByBroker: number
}

export class Ledger {
  readonly #series = new Map<string, Series>()
  readonly #unreadable: string[] = []

  /** A record came through. @returns to be called when the broker has acknowledged it */
  arrived(payload: string): () => void {
    const { key, seq } = parse(payload)
    const series = this.#of(key)
    if (series.known.has(seq)) series.duplicates += 1
    else {
      series.known.add(seq)
      series.arrivals.push(seq)
    }
    return () => series.acknowledged.add(seq)
  }

  /** A consumer behind the broker got it. */
  consumed(payload: string): void {
    const { key, seq } = parse(payload)
    this.#of(key).consumed.add(seq)
  }

  /** The link could not follow a connection: nothing that it says of it can be believed. */
  unreadable(reason: string): void {
    this.#unreadable.push(reason)
  }

  /** How many records have been acknowledged. */
  get acknowledged(): number {
    return [...this.#series.values()].reduce((sum, { acknowledged }) => sum + acknowledged.size, 0)
  }

  /** How many of these were not acknowledged yet. @param owed per sensor and run: seqs 0 to that, less one */
  missing(owed: ReadonlyMap<string, number>): number {
    let missing = 0
    for (const [key, count] of owed) {
      const { acknowledged } = this.#of(key)
      for (let seq = 0; seq < count; seq += 1) if (!acknowledged.has(seq)) missing += 1
    }
    return missing
  }

  /**
   * Closes the books.
   *
   * @param read per `run sensor`, how many readings there were
   * @param owed of these, how many must have been delivered: all but what a kill may cost
   * @throws where the link could not follow, or something arrived that nobody read
   */
  close(read: ReadonlyMap<string, number>, owed: ReadonlyMap<string, number>): Account {
    if (this.#unreadable.length > 0) throw new Error(`the link could not read along: ${this.#unreadable.join('; ')}`)
    const account = { read: 0, lost: this.missing(owed), reordered: 0, duplicates: 0, lostByBroker: 0 }
    for (const count of read.values()) account.read += count
    for (const [key, { arrivals, duplicates, acknowledged, consumed }] of this.#series) {
      let newest = -1
      for (const seq of arrivals) {
        if (seq < newest) account.reordered += 1
        newest = Math.max(newest, seq)
      }
      // A process that is killed may have stored its last reading and not logged it any more.
      if (newest > (read.get(key) ?? 0)) throw new Error(`${key}: record ${newest} arrived, which nobody read`)
      account.duplicates += duplicates
      for (const seq of acknowledged) if (!consumed.has(seq)) account.lostByBroker += 1
    }
    return account
  }

  #of(key: string): Series {
    let series = this.#series.get(key)
    if (series === undefined) {
      series = { arrivals: [], known: new Set(), acknowledged: new Set(), consumed: new Set(), duplicates: 0 }
      this.#series.set(key, series)
    }
    return series
  }
}

/** What makes the sum of something over several accounts. */
export function summing(accounts: readonly Account[]): (of: (account: Account) => number) => number {
  return (of) => accounts.reduce((total, account) => total + of(account), 0)
}

function parse(payload: string): { key: string; seq: number } {
  const { sensor, run, seq } = record.parse(JSON.parse(payload))
  return { key: `${run} ${sensor}`, seq }
}
