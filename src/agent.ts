/**
 * Wires everything, start to stop. The only file that knows everybody; read downwards it is the way data flows:
 * sensors and inputs into telemetry, the outbox and MQTT; commands from MQTT through the router to the outputs.
 * Longer than most files here: it is the one picture of the whole, and in parts it would be none.
 */
import { randomInt } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { join } from 'node:path'
import { createBirth } from './birth.ts'
import { readBootId } from './boot.ts'
import { type Clock, calledOff } from './clock.ts'
import type { Config } from './config/schema.ts'
import { count } from './counting.ts'
import { LATE, withDeadline } from './deadline.ts'
import type { Gpio } from './gpio/gpio.ts'
import { createHealth } from './health.ts'
import { readHost } from './host.ts'
import { openInputs } from './inputs.ts'
import { LastLevels } from './last-levels.ts'
import type { Logger } from './log.ts'
import { Mqtt } from './mqtt.ts'
import type { ReadTime } from './outbox/record-clock.ts'
import { OutputTimes } from './output-times.ts'
import { Outputs } from './outputs.ts'
import { createRecords } from './records.ts'
import { repeat } from './repeat.ts'
import { createRouter } from './router.ts'
import { sense } from './sensing.ts'
import type { Notifier } from './systemd.ts'
import { createTelemetry, type Incoming, type Message } from './telemetry.ts'
import { TimeSync } from './time-sync.ts'
import { Totals } from './totals.ts'
import { createFeeding } from './watchdog.ts'

/** What an agent needs from outside. */
export interface World {
  readonly clock: Clock
  readonly gpio: Gpio
  readonly log: Logger
  /** The folder that stands for `/`. */
  readonly root: string
  readonly notifier: Notifier
  /** Whether hardware sensors are replaced by stand-ins. */
  readonly simulate: boolean
  /** The program's version, for the birth. */
  readonly version: string
  /** Read at each connect. */
  readonly password: () => Promise<string | undefined>
  /** Where state survives a restart; undefined: nowhere. */
  readonly stateFolder: string | undefined
  /** Where state survives a restart of the service, but no boot; in memory, so written at will. undefined: nowhere. */
  readonly runtimeFolder: string | undefined
  /** Whether the system's clock was set; undefined: nobody knows, which is also the default. Never rejects. */
  readonly timeSynchronised?: () => Promise<boolean | undefined>
  /** Between 0 and 1; for the jitter of reconnecting. */
  readonly random: () => number
  /** Id of this start; default: made at random. */
  readonly run?: string
  /** Called when everything is wired; `idle` resolves when nothing waits for the broker. */
  readonly onReady?: (agent: { idle(): Promise<void> }) => void
}

/** A pin whose driver hangs must not keep the sensors waiting; it goes on opening meanwhile. */
const PINS_DEADLINE_MS = 10_000
const HEALTH_EVERY_MS = 60_000
/** The status line follows the queue this often. */
const STATUS_EVERY_MS = 5000
/** At the end: for sensors to close. */
const LOOPS_DEADLINE_MS = 3000
/** At the end: for what waits, and for the acknowledgement of `offline`. */
const LAST_WORDS = { drainMs: 1000, ackMs: 2000 }
/** At the end: for the last levels and totals to be on disk and the lines to be let go of, which a driver that hangs never does. */
const RELEASE_DEADLINE_MS = 2000

/**
 * Runs until the signal aborts, then brings the outputs to their exit levels, says `offline` and returns.
 *
 * @throws only for a bug of ours: what fails outside is handled where it fails
 */
export async function runAgent(config: Config, world: World, signal: AbortSignal): Promise<void> {
  const { clock, gpio, log, root, notifier, simulate, version } = world
  const run = world.run ?? newRun()
  log.info({ version, node: config.node.id, run }, 'starting')
  const telemetry = createTelemetry({ node: config.node.id, topics: config.topics, run })
  const last = new LastLevels(
    world.stateFolder === undefined ? undefined : join(world.stateFolder, 'levels.json'),
    config.gpio.outputs.filter(({ initial }) => initial === 'last').map(({ pin }) => pin),
    log,
  )
  const times = new OutputTimes({ folder: world.runtimeFolder, outputs: config.gpio.outputs, log })
  const stateInputs = config.gpio.inputs.filter((input) => input.mode === 'state')
  const counters = config.gpio.inputs.filter((input) => input.mode === 'counter')
  const nowhere = { stateFolder: undefined, runtimeFolder: undefined }
  const totals = new Totals({ ...(simulate ? nowhere : world), clock, log }) // simulated pulses are nobody's total
  const records = createRecords({
    config: config.outbox,
    stateFolder: world.stateFolder,
    boot: await readBootId(root),
    telemetry,
    clock,
    log,
    onReadable: () => mqtt.drain(),
    onChange: () => tell(),
  })
  const { outbox } = records
  const time = new TimeSync({
    ...{ root, clock, log },
    ask: world.timeSynchronised ?? (async () => undefined),
    onSynchronised: () => records.synchronised(),
  })
  const health = createHealth(clock, () => ({
    connected: mqtt.connected,
    reconnects: mqtt.reconnects,
    lastError: mqtt.lastError,
    queued: outbox.depth,
    outbox: records.health(),
    dropped: { ...outbox.dropped, ...mqtt.dropped },
    session: mqtt.session,
  }))
  const tell = (): void => {
    mqtt.publish(telemetry.health(health.report()))
    void notifier.status(health.line())
  }
  const onPinFault = (pin: number, reason: string | undefined): void => {
    health.pin(pin, reason)
    tell()
  }
  const publishOfPin = (message: Message): void => {
    mqtt.publish(message)
    if (birth.outdated()) mqtt.publish(birth.message()) // the backend was found after the first birth
  }

  const onPinState = (pin: number, level: 0 | 1): void => publishOfPin(telemetry.pinState(pin, level))

  const outputs = new Outputs({
    pins: config.gpio.outputs,
    gpio,
    clock,
    log,
    last,
    times,
    onState: onPinState,
    onFault: onPinFault,
  })
  const inputPins = new Set(config.gpio.inputs.map(({ pin }) => pin))
  const route = createRouter({
    telemetry,
    pins: {
      command: (pin, command, check) => outputs.command(pin, command, check),
      directionOf: (pin) => (outputs.has(pin) ? 'output' : inputPins.has(pin) ? 'input' : undefined),
    },
    publish: (message) => mqtt.publish(message),
    clock,
    clockIsRight: () => !time.unsynchronised,
    log,
  })

  const birth = createBirth({
    config,
    telemetry,
    run,
    version,
    simulate,
    gpio,
    clock,
    host: await readHost(root),
  })
  const commands = {
    name: 'commands',
    filter: telemetry.commandFilter,
    hear: (message: Incoming) => void route(message),
  }
  const subscriptions = config.gpio.outputs.length + config.gpio.inputs.length > 0 ? [commands] : []
  const mqtt = new Mqtt({
    config: config.mqtt,
    password: world.password,
    will: telemetry.status('offline'),
    birth: () => [telemetry.status('online'), birth.message()],
    subscriptions: () => subscriptions,
    onConnected(connected) {
      outputs.connected(connected)
      records.connected(connected)
      tell()
    },
    onChange: tell,
    outbox,
    clock,
    log,
    beat: (withinMs) => health.beat('broker', withinMs),
    random: world.random,
    root,
  })

  // Pins first: an output must have its level before the sensors and the broker take their time.
  await last.load()
  await times.load(await readBootId(root))
  if (counters.length > 0 && !simulate) await totals.load()
  const inputs = { pins: stateInputs, gpio, clock, log, onState: onPinState, onFault: onPinFault }
  for (const open of [() => outputs.open(signal), () => openInputs(inputs, signal)]) {
    const opened = await withDeadline(open, PINS_DEADLINE_MS, clock, signal).catch((error: unknown) => {
      if (!calledOff(error, signal)) throw error
    })
    if (opened === LATE) log.warn('the pins take long to open: going on without')
  }
  outputs.connected(false)
  // Told to end, the pins must not wait for a disk.
  await Promise.race([Promise.all([records.start(signal), time.look()]), aborted(signal)])

  const started: Promise<void>[] = []
  const failed = new AbortController()
  const stop = AbortSignal.any([signal, failed.signal])
  // Every loop and pin listens to these, each removing what it adds: Node.js would warn of a leak at the eleventh.
  setMaxListeners(0, signal, stop)
  const store = (record: Message, read?: ReadTime): void => {
    records.put(record, read)
    mqtt.drain()
  }
  const loops = config.sensors.map((sensor) => {
    let onStarted = (): void => {}
    started.push(new Promise((resolve) => (onStarted = resolve)))
    return sense(
      {
        config: sensor,
        simulate,
        clock,
        log,
        root,
        telemetry,
        health,
        publish: (message) => mqtt.publish(message),
        store,
        unsynchronised: () => time.unsynchronised,
        onOpen(quantities) {
          if (birth.opened(sensor, quantities)) mqtt.publish(birth.message())
        },
        onStarted,
        onChange: tell,
      },
      stop,
    )
  })
  const every = (name: string, ms: number, work: () => void): Promise<void> =>
    repeat({ ms, work, clock, beat: (withinMs) => health.beat(name, withinMs) }, stop)
  const counting = {
    gpio,
    clock,
    log,
    totals,
    telemetry,
    health,
    store,
    publish: publishOfPin,
    onFault: onPinFault,
    unsynchronised: () => time.unsynchronised,
  }
  loops.push(
    ...counters.map((counter) => count({ ...counting, config: counter }, stop)),
    mqtt.run(stop),
    time.run(stop),
    every('health', HEALTH_EVERY_MS, tell),
    every('status', STATUS_EVERY_MS, () => void notifier.status(health.line())),
  )
  if (notifier.watchdogMs !== undefined) {
    loops.push(every('watchdog', notifier.watchdogMs, createFeeding(health.stuck, notifier, log)))
  }

  // A loop that throws is a bug of ours: the others stop in order, and the error goes up.
  const watched = loops.map((loop) => loop.catch((error: unknown) => failed.abort(error)))
  const stopped = aborted(stop)
  await Promise.race([Promise.all(started), stopped])
  if (!stop.aborted) {
    log.info({ node: config.node.id, run, sensors: config.sensors.length }, 'ready')
    await notifier.ready(health.line())
    world.onReady?.({ idle: () => mqtt.idle() })
  }
  await stopped

  log.info('stopping')
  records.stopping()
  void notifier.stopping()
  await outputs.exit() // first of all, whatever a driver is up to
  await withDeadline(() => Promise.all(watched), LOOPS_DEADLINE_MS, clock)
  const totalsKept = totals.close()
  await mqtt.close(telemetry.status('offline'), LAST_WORDS)
  const release = async (): Promise<void> => {
    await last.flush()
    await times.flush()
    await totalsKept
    await gpio.close()
  }
  const [released, kept] = await Promise.all([
    withDeadline(release, RELEASE_DEADLINE_MS, clock),
    withDeadline(() => records.close(), RELEASE_DEADLINE_MS, clock),
  ])
  if (released === LATE) log.warn('the pins were not let go of in time')
  if (kept === LATE) log.warn('the disk of the outbox did not answer in time')
  log.info('stopped')
  if (failed.signal.aborted) throw failed.signal.reason
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function newRun(): string {
  return randomInt(36 ** 8)
    .toString(36)
    .padStart(8, '0')
}
