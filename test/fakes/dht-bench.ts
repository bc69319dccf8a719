/**
 * DHT sensors on a machine that says it is a Raspberry Pi: the compiled child program, a vendor that behaves, and a
 * log to look at. The child tells through the log when it starts, is asked and ends, so that no test has to sleep.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { createDht } from '../../src/sensors/dht.ts'
import type { DhtModel } from '../../src/sensors/dht-child.ts'
import type { Driver } from '../../src/sensors/kernel-driver.ts'
import type { Sensor } from '../../src/sensors/sensor.ts'
import { FakeClock } from './fake-clock.ts'
import { fixture } from './machine.ts'

export const CHILD_PROGRAM = new URL('../../dist/dht-child.js', import.meta.url)
const CHILD_SOURCE = new URL('../../src/sensors/dht-child.ts', import.meta.url)
export const FAKE_VENDOR = fakeModule('dht-vendor.cjs')

/** Pins at which the fake vendor hangs, and with what. */
export const HANGS = { quietly: 6, withTheEventLoop: 7, withAThread: 17 } as const

/** Never aborts. */
export const NEVER = new AbortController().signal

export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly pid?: number
  readonly how?: string
  readonly line?: string
}

export interface BenchOptions {
  readonly vendor?: string
  /** What `/proc/device-tree/model` says; undefined: there is no such file. */
  readonly board?: string | undefined
  readonly driver?: Driver
  /** The name of a fixture tree that stands for the machine, in place of `board`. */
  readonly machine?: string
}

/** Absolute path of a file in this folder. */
export function fakeModule(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}

export class DhtBench {
  readonly clock = new FakeClock()
  readonly lines: LogLine[] = []
  readonly #log = pino({ level: 'trace', base: null }, { write: (text: string) => this.#wrote(JSON.parse(text)) })
  readonly #root: string
  readonly #driver: Driver
  readonly #folders: string[] = []
  readonly #watchers = new Set<() => void>()
  readonly #open = new Set<Sensor>()
  readonly #dht: ReturnType<typeof createDht>

  constructor(options: BenchOptions = {}) {
    requireBuild()
    const { vendor = FAKE_VENDOR, board, machine } = { board: 'Raspberry Pi 4 Model B Rev 1.4\0', ...options }
    this.#driver = options.driver ?? 'auto'
    this.#root = machine === undefined ? this.#machineOf(board) : fixture(machine)
    this.#dht = createDht({ childProgram: CHILD_PROGRAM, vendor })
  }

  async open(pin: number, model: DhtModel = 22): Promise<Sensor> {
    const env = { clock: this.clock, log: this.#log, root: this.#root, name: `sensor ${pin}` }
    const sensor = await this.#dht(model, { pin, driver: this.#driver }, env)
    this.#open.add(sensor)
    return sensor
  }

  async close(sensor: Sensor): Promise<void> {
    this.#open.delete(sensor)
    await sensor.close()
  }

  /** Process ids of every child that was started. */
  get started(): readonly number[] {
    return this.lines.flatMap(({ msg, pid }) =>
      msg === 'dht driver process started' && pid !== undefined ? [pid] : [],
    )
  }

  /** The calls that reached the vendor, as `22/4`. */
  get asked(): readonly string[] {
    return this.lines.flatMap(({ line }) => (line?.startsWith('asked ') ? [line.slice(6)] : []))
  }

  /** Resolves when the log holds such a line. */
  logged(matches: (line: LogLine) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!this.lines.some(matches)) return
        this.#watchers.delete(look)
        resolve()
      }
      this.#watchers.add(look)
      look()
    })
  }

  wasAsked(model: DhtModel, pin: number): Promise<void> {
    return this.logged(({ line }) => line === `asked ${model}/${pin}`)
  }

  ended(pid: number | undefined): Promise<void> {
    return this.logged((line) => line.msg === 'dht driver process ended' && line.pid === pid)
  }

  /** Closes what is open. @throws where a child process outlives that */
  async dispose(): Promise<void> {
    await Promise.all([...this.#open].map((sensor) => this.close(sensor)))
    for (const folder of this.#folders) rmSync(folder, { recursive: true })
    const left = this.started.filter(alive)
    if (left.length > 0) throw new Error(`child processes are left: ${left.join(', ')}`)
  }

  #machineOf(board: string | undefined): string {
    const root = mkdtempSync(join(tmpdir(), 'dht-'))
    this.#folders.push(root)
    if (board !== undefined) {
      mkdirSync(join(root, 'proc/device-tree'), { recursive: true })
      writeFileSync(join(root, 'proc/device-tree/model'), board)
    }
    return root
  }

  #wrote(line: LogLine): void {
    this.lines.push(line)
    for (const look of this.#watchers) look()
  }
}

/** Whether there is a process of that id. */
export function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function requireBuild(): void {
  const built = statSync(CHILD_PROGRAM, { throwIfNoEntry: false })
  if (built !== undefined && built.mtimeMs >= statSync(CHILD_SOURCE).mtimeMs) return
  throw new Error(`${fileURLToPath(CHILD_PROGRAM)} is absent or older than its source: run npm run build first`)
}
