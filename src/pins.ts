/**
 * All pins of the node, from their opening to the end: outputs, inputs, counters, and what of them outlives the
 * process. Called by the agent alone.
 */
import { join } from 'node:path'
import { type Clock, calledOff } from './clock.ts'
import type { Command } from './command.ts'
import { same } from './config/changes.ts'
import type { Config, CounterConfig, InputConfig, StateInputConfig } from './config/schema.ts'
import { count } from './counting.ts'
import { LATE, withDeadline } from './deadline.ts'
import { Refused } from './errors.ts'
import type { Gpio, Level } from './gpio/gpio.ts'
import { createHand } from './hand.ts'
import type { Health } from './health.ts'
import { watchInput } from './inputs.ts'
import { LastLevels } from './last-levels.ts'
import type { Logger } from './log.ts'
import type { ReadTime } from './outbox/record-clock.ts'
import { OutputTimes } from './output-times.ts'
import { Outputs } from './outputs.ts'
import { Parts } from './parts.ts'
import type { Message, PinUse, Telemetry } from './telemetry.ts'
import { Totals } from './totals.ts'

type PinsConfig = Config['gpio']

export interface PinsOptions {
  readonly config: PinsConfig
  readonly gpio: Gpio
  readonly clock: Clock
  readonly log: Logger
  /** Where state survives a restart, and where one of the service alone; undefined: nowhere. */
  readonly stateFolder: string | undefined
  readonly runtimeFolder: string | undefined
  /** Simulated pulses are nobody's total. */
  readonly simulate: boolean
  readonly telemetry: Telemetry
  readonly health: Health
  readonly publish: (message: Message) => void
  readonly store: (record: Message, read: ReadTime) => void
  readonly sequence: (of: string) => number
  readonly unsynchronised: () => boolean
  /** An input was opened: its first level comes next. */
  readonly onOpened: (pin: number) => void
  /** Every settled level of an input, and every level of an output, before it is published; for the rules. */
  readonly onLevel: (pin: number, level: Level) => void
  /** A pin failed, with a reason, or came back. */
  readonly onFault: (pin: number, reason: string | undefined) => void
  /** Something that health tells has changed. */
  readonly onChange: () => void
  /** A loop threw: a bug of ours. */
  readonly onBug: (error: unknown) => void
}

/** What only people and Home Assistant are told. */
const LABELS = { name: '', device_class: undefined }
/** A pin whose driver hangs must not keep the sensors waiting; it goes on opening meanwhile. */
const PINS_DEADLINE_MS = 10_000

/** @param signal ends the inputs and counters; outputs are driven on until `exit` */
export function createPins(options: PinsOptions, signal: AbortSignal) {
  const { gpio, clock, log, telemetry, health, publish, onBug } = options
  let { config } = options
  const { stateFolder, runtimeFolder } = options.simulate
    ? { stateFolder: undefined, runtimeFolder: undefined }
    : options
  const totals = new Totals({ stateFolder, runtimeFolder, clock, log })
  const last = new LastLevels(
    options.stateFolder === undefined ? undefined : join(options.stateFolder, 'levels.json'),
    config.outputs.filter(({ initial }) => initial === 'last').map(({ pin }) => pin),
    log,
  )
  const times = new OutputTimes({ folder: options.runtimeFolder, outputs: config.outputs, log })
  const onState = (pin: number, level: Level): void => {
    options.onLevel(pin, level) // before anything is told: a button switches a light at once
    publish(telemetry.pinState(pin, level))
  }
  const onFault = (pin: number, reason: string | undefined): void => {
    options.onFault(pin, reason)
    health.pin(pin, reason)
    options.onChange()
  }
  const common = { gpio, clock, log, onBug, onFault }

  const outputs = new Outputs({ ...common, pins: config.outputs, last, times, onState })
  const inputs = new Parts<StateInputConfig>(
    {
      ...common,
      what: 'input',
      keyOf: ({ pin }) => pin,
      goesOn: (running, next) => same({ ...running, ...LABELS }, { ...next, ...LABELS }),
      run: (part) => watchInput({ ...common, onOpened: options.onOpened, onState }, part),
    },
    signal,
  )
  const counters = new Parts<CounterConfig>(
    {
      ...common,
      what: 'counter',
      keyOf: ({ pin }) => pin,
      goesOn: (running, next) => same(lineOf(running), lineOf(next)),
      run: (part) => {
        const sequence = (): number => options.sequence(`pin ${part.config().pin}`)
        return count({ ...options, ...common, totals, sequence }, part)
      },
    },
    signal,
  )
  const openSoon = async (what: string, open: () => Promise<unknown>): Promise<void> => {
    const opened = await withDeadline(open, PINS_DEADLINE_MS, clock, signal).catch((error: unknown) => {
      if (!calledOff(error, signal)) throw error
    })
    if (opened === LATE) log.warn(`the ${what} take long to open: going on without`)
  }

  const { outside } = gpio
  const hand = outside === undefined ? undefined : createHand({ outside, clock, onBug }, signal)

  let totalsLoaded = options.simulate // simulated pulses are nobody's total
  const loadTotals = async (): Promise<void> => {
    if (totalsLoaded || !config.inputs.some(isCounter)) return
    totalsLoaded = true
    await totals.load()
  }

  return {
    /** Opens outputs and inputs. `boot`: its id, as far as it is known. Resolves when they are open, or take too long. */
    async open(boot: string | undefined): Promise<void> {
      await last.load()
      await times.load(boot)
      await loadTotals()
      await openSoon('outputs', () => outputs.open(signal))
      await openSoon('inputs', () => inputs.start(config.inputs.filter(isState)))
      outputs.connected(false)
    },

    /** Starts the counters. */
    count(): void {
      void counters.start(config.inputs.filter(isCounter))
    },

    /**
     * First half of a new configuration: what it lacks is ended and given back, what it has otherwise is told, or given
     * back to be opened anew. What it has as it was is not touched.
     */
    async retire(next: PinsConfig): Promise<void> {
      config = next
      await Promise.all([
        outputs.retire(next.outputs),
        inputs.retire(next.inputs.filter(isState)),
        counters.retire(next.inputs.filter(isCounter)),
      ])
    },

    /** Second half: opens what is not open yet. Resolves when it is, or takes too long. */
    async start(): Promise<void> {
      await loadTotals()
      await openSoon('outputs', () => outputs.open(signal))
      await openSoon('inputs', () => inputs.start(config.inputs.filter(isState)))
      void counters.start(config.inputs.filter(isCounter))
    },

    command: outputs.command.bind(outputs),

    /** Simulated inputs as somebody presses them, by the words of commands; undefined: real ones, that nobody here moves. */
    pressed:
      hand === undefined
        ? undefined
        : {
            async command(pin: number, command: Command, check?: () => void): Promise<Level> {
              check?.()
              const input = config.inputs.filter(isState).find((state) => state.pin === pin)
              if (input === undefined) throw new Refused(`pin ${pin} is not an input that can be pressed`)
              return hand(input, command)
            },
            /** To who presses, every pin obeys, or says why not. */
            directionOf: () => 'output' as const,
          },

    /** What a pin of the configuration is; undefined for one that is not in it. */
    directionOf(pin: number): Exclude<PinUse, 'counter'> | undefined {
      if (outputs.has(pin)) return 'output'
      return config.inputs.some((input) => input.pin === pin) ? 'input' : undefined
    },

    /** The broker came or went. */
    connected: (connected: boolean): void => outputs.connected(connected),

    /** Brings the outputs to their exit levels: first of all, whatever a driver is up to. Never throws. */
    exit: (): Promise<void> => outputs.exit(),

    /** Resolves when the inputs and counters have ended. */
    async ended(): Promise<void> {
      await Promise.all([inputs.ended(), counters.ended()])
    },

    /** Resolves when levels and totals are on disk, or can't be. */
    async keep(): Promise<void> {
      await Promise.all([totals.close(), last.flush()])
    },
  }
}

/** What of a counter its line is set up by. The rest it takes in its stride. */
function lineOf({ active_low, debounce, pull, edge }: CounterConfig): object {
  return { active_low, debounce, pull, edge }
}

function isState(input: InputConfig): input is StateInputConfig {
  return input.mode === 'state'
}

function isCounter(input: InputConfig): input is CounterConfig {
  return input.mode === 'counter'
}
