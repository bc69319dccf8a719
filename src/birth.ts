/**
 * The birth message, `devices/<node>/info`: who this node is, what it runs, its sensors and pins with their topics.
 * The quantities of a sensor are in it once the chip has told them.
 */
import type { Clock } from './clock.ts'
import type { Config, CounterConfig } from './config/schema.ts'
import type { Gpio } from './gpio/gpio.ts'
import type { Host } from './host.ts'
import { createMeter } from './meter.ts'
import type { Quantity } from './reading.ts'
import type { Message, PinUse, Telemetry } from './telemetry.ts'

export interface BirthOptions {
  /** As it is now. */
  readonly config: () => Config
  readonly telemetry: Telemetry
  readonly run: string
  readonly version: string
  readonly simulate: boolean
  /** Its backend is asked each time: it may be chosen late. */
  readonly gpio: Pick<Gpio, 'backend' | 'reason'>
  readonly clock: Clock
  readonly host: Host
}

export interface Birth {
  /** What an opened sensor has: news, or what was told of it already, which is false. */
  opened(sensor: Config['sensors'][number], quantities: readonly Quantity[]): boolean
  /** True where the message was made, and would tell another GPIO backend now. */
  outdated(): boolean
  /** What the message has. */
  about(): object
  message(): Message
}

/** Makes the birth of one agent, which starts now. */
export function createBirth({ config, telemetry, run, version, simulate, gpio, clock, host }: BirthOptions): Birth {
  const known = new Map<string, readonly Quantity[]>()
  const started = new Date(clock.now()).toISOString()
  let toldBackend: string | undefined
  return {
    outdated: () => toldBackend !== undefined && toldBackend !== gpio.backend,
    opened(sensor, quantities) {
      const news = String(known.get(nameOf(sensor))) !== String(quantities)
      known.set(nameOf(sensor), quantities)
      return news
    },
    about,
    message() {
      toldBackend = gpio.backend
      return telemetry.info(about())
    },
  }

  function about(): object {
    const { node, sensors, gpio: pins } = config()
    return {
      node: node.id,
      ...(node.name === undefined ? {} : { name: node.name }),
      version,
      ...host,
      node_js: process.version,
      run,
      started,
      simulated: simulate,
      gpio: gpio.backend,
      ...(gpio.reason === undefined ? {} : { gpio_reason: gpio.reason }),
      sensors: sensors.map((sensor) => {
        const quantities = known.get(nameOf(sensor))
        return {
          ...(sensor.id === undefined ? {} : { id: sensor.id }),
          ...(sensor.name === undefined ? {} : { name: sensor.name }),
          type: sensor.type,
          interval: sensor.interval / 1000,
          ...(quantities === undefined ? {} : { quantities }),
          topics: telemetry.sensorTopics(sensor.id, quantities ?? []),
        }
      }),
      pins: [
        ...pins.outputs.map((pin) => aboutPin(pin, 'output', telemetry)),
        ...pins.inputs.map((pin) =>
          pin.mode === 'counter' ? aboutCounter(pin, telemetry) : aboutPin(pin, 'input', telemetry),
        ),
      ],
    }
  }
}

/** One of this id that is of another type is another sensor. */
function nameOf({ id = '', type }: Config['sensors'][number]): string {
  return `${id} ${type}`
}

interface NamedPin {
  readonly pin: number
  readonly name?: string | undefined
}

function aboutPin({ pin, name }: NamedPin, direction: Exclude<PinUse, 'counter'>, telemetry: Telemetry): object {
  return { pin, ...(name === undefined ? {} : { name }), direction, topics: telemetry.pinTopics(pin, direction) }
}

function aboutCounter(config: CounterConfig, telemetry: Telemetry): object {
  const { unit, rateUnit } = createMeter(config)
  return {
    ...aboutPin(config, 'input', telemetry),
    mode: config.mode,
    interval: config.interval / 1000,
    ...(unit === undefined ? {} : { unit }),
    ...(rateUnit === undefined ? {} : { rate_unit: rateUnit }),
    topics: telemetry.pinTopics(config.pin, 'counter'),
  }
}
