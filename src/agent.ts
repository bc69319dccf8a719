/**
 * Wires everything, start to stop. The only file that knows everybody; read downwards it is the way data flows:
 * sensors and inputs into telemetry, the outbox and MQTT; commands from MQTT through the router to the outputs.
 * Longer than most files here: it is the one picture of the whole, and in parts it would be none.
 */
import { setMaxListeners } from 'node:events'
import { join } from 'node:path'
import { createBirth } from './birth.ts'
import { readBootId } from './boot.ts'
import { aborted, type Clock } from './clock.ts'
import { same } from './config/changes.ts'
import type { Loaded } from './config/loaded.ts'
import { changesAnything, type Plan } from './config/plan.ts'
import type { Config, MqttConfig, SensorConfig } from './config/schema.ts'
import { LATE, withDeadline } from './deadline.ts'
import type { Gpio } from './gpio/gpio.ts'
import { createHealth } from './health.ts'
import { readHost, readMachineId } from './host.ts'
import type { Logger } from './log.ts'
import { Manifest } from './manifest.ts'
import { Mqtt } from './mqtt.ts'
import { onceATurn } from './once-a-turn.ts'
import type { ReadTime } from './outbox/record-clock.ts'
import { Parts } from './parts.ts'
import { createPins } from './pins.ts'
import { Readers } from './readers.ts'
import { createRecords } from './records.ts'
import { createReload, type Reloading } from './reload.ts'
import { repeat } from './repeat.ts'
import { createRequests } from './requests.ts'
import { createRetention } from './retention.ts'
import { createRouter } from './router.ts'
import { createRules } from './rules/rules.ts'
import { sense } from './sensing.ts'
import { sensorTypes } from './sensors/index.ts'
import { createSequences } from './sequences.ts'
import type { Notifier } from './systemd.ts'
import { createTelemetry, type Incoming, type Message } from './telemetry.ts'
import { TimeSync } from './time-sync.ts'
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
  /** Where the program has its home, for Home Assistant. */
  readonly supportUrl?: string
  /** Read at each connect, where the configuration says. */
  readonly password: (mqtt: MqttConfig) => Promise<string | undefined>
  /** Reads the configuration file anew, for a reload; undefined: there is none. @throws ConfigError */
  readonly load?: () => Promise<Loaded>
  /** Told of each configuration that takes the place of the one before, before it does. */
  readonly onConfig?: (config: Config) => void
  /** Where state survives a restart; undefined: nowhere. */
  readonly stateFolder: string | undefined
  /** Where state survives a restart of the service, but no boot; in memory, so written at will. undefined: nowhere. */
  readonly runtimeFolder: string | undefined
  /** Whether the system's clock was set; undefined: nobody knows, which is also the default. Never rejects. */
  readonly timeSynchronised?: () => Promise<boolean | undefined>
  /** From 0 to below 1; for the jitter of reconnecting, and for `run`. */
  readonly random: () => number
  /** Id of this start; default: made at random. */
  readonly run?: string
  /** Called when everything is wired. */
  readonly onReady?: (agent: Agent) => void
}

/** What others may ask of an agent that runs. */
export interface Agent extends Pick<Reloading, 'reload'> {
  /** Resolves when nothing waits for the broker. */
  idle(): Promise<void>
}

/** Key of the node's own sensor; no id is empty. */
const OWN = ''
const HEALTH_EVERY_MS = 60_000
/** The status line follows the queue this often. */
const STATUS_EVERY_MS = 5000
/** The disk and the sensors wait so long for the first try at the broker: it is to hear first that the node is there. */
const FIRST_TRY_MS = 500
/** At the end: for sensors and pins to close. */
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
export async function runAgent(first: Config, world: World, signal: AbortSignal): Promise<void> {
  const { clock, gpio, log, root, notifier, simulate, version } = world
  const run = world.run ?? newRun(world.random)
  /** What runs; a reload replaces it. The node's id, its topics and its folders are those of the first. */
  let config = first
  log.info({ version, node: config.node.id, run }, 'starting')
  // A loop that throws is a bug of ours: the others stop in order, and the error goes up.
  const failed = new AbortController()
  const stop = AbortSignal.any([signal, failed.signal])
  // Every loop and pin listens to these, each removing what it adds: Node.js would warn of a leak at the eleventh.
  setMaxListeners(0, signal, stop)
  const onBug = (error: unknown): void => failed.abort(error)

  const boot = await readBootId(root)
  const telemetry = createTelemetry({ node: config.node.id, topics: config.topics, run })
  const sequence = createSequences()
  const readers = new Readers()
  const records = createRecords({
    config: config.outbox,
    stateFolder: world.stateFolder,
    boot,
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
    onSynchronised() {
      records.synchronised()
      rules.renew()
    },
  })
  const unsynchronised = (): boolean => time.unsynchronised
  const health = createHealth(clock, () => ({
    connected: mqtt.connected,
    reconnects: mqtt.reconnects,
    lastError: mqtt.lastError,
    queued: outbox.depth,
    outbox: records.health(),
    dropped: { ...outbox.dropped, ...mqtt.dropped },
    session: mqtt.session,
    rules: rules.health(),
  }))
  /** Nothing is to be told after `offline`. */
  let leaving = false
  const tellNow = (): void => {
    mqtt.publish(telemetry.health(health.report()))
    void notifier.status(health.line())
  }
  const tell = onceATurn(() => leaving || tellNow())
  const publish = (message: Message): void => mqtt.publish(message)
  const announce = onceATurn(() => leaving || publish(birth.message()))
  const store = (record: Message, read?: ReadTime): void => {
    records.put(record, read)
    mqtt.drain()
  }
  /** What the parts that come and go have in common. */
  const common = { clock, log, telemetry, health, store, unsynchronised, onChange: tell, onBug }

  const rules = createRules({
    ...common,
    rules: config.rules,
    file: world.stateFolder === undefined ? undefined : join(world.stateFolder, 'alerts.json'),
    publish,
    connected: () => mqtt.connected,
    set: (pin, command) => pins.command(pin, command),
    debounceMs: (pin) => config.gpio.inputs.find((input) => input.pin === pin && input.mode === 'state')?.debounce,
  })
  const pins = createPins(
    {
      ...common,
      config: config.gpio,
      gpio,
      stateFolder: world.stateFolder,
      runtimeFolder: world.runtimeFolder,
      simulate,
      sequence,
      onOpened: rules.pinOpened,
      onLevel: rules.level,
      onFault: rules.pinFault,
      publish(message) {
        publish(message)
        if (birth.outdated()) announce() // the backend was found after the first birth
      },
    },
    stop,
  )
  const sensors = new Parts<SensorConfig>(
    {
      ...common,
      what: 'sensor',
      keyOf: ({ id }) => id ?? OWN,
      goesOn: (running, next) => same(withoutLabel(running), withoutLabel(next)),
      async run(part) {
        const sensor = part.config()
        await sense(
          {
            ...common,
            simulate,
            root,
            publish,
            readers,
            onReading: rules.reading,
            onStatus: rules.sensorStatus,
            sequence: () => sequence(`sensor ${sensor.id ?? ''}`),
            onOpen(quantities) {
              if (birth.opened(sensor, quantities)) announce()
              retention.opened(sensor, quantities)
            },
          },
          part,
        )
        rules.sensorGone(sensor.id)
      },
    },
    stop,
  )
  const routing = { publish, clock, clockIsRight: () => !time.unsynchronised, log }
  const route = createRouter({ ...routing, telemetry, pins })
  const host = await readHost(root)
  const manifest = new Manifest({
    folder: world.stateFolder,
    machine: await readMachineId(root),
    clock,
    log,
    onKept: () => mqtt.drain(),
  })
  const retention = createRetention({
    config,
    telemetry,
    about: { version, supportUrl: world.supportUrl, model: host.model },
    manifest,
    publish,
    keepOnly: (topics) => mqtt.keepOnly(topics),
    clock,
    random: world.random,
    log,
  })
  const birth = createBirth({
    config: () => config,
    telemetry,
    run,
    version,
    simulate,
    gpio,
    clock,
    host,
  })
  const commands = {
    name: 'commands',
    filter: telemetry.commandFilter,
    hear: (message: Incoming) => void route(message),
  }
  const { pressed } = pins
  const press =
    pressed && createRouter({ ...routing, telemetry: { ...telemetry, commandPin: telemetry.pressPin }, pins: pressed })
  const presses = {
    name: 'presses',
    filter: telemetry.pressFilter,
    hear: (message: Incoming) => void press?.(message),
  }
  const begun = clock.monotonic()
  const requests = createRequests({
    node: {
      ...{ id: config.node.id, run, clock, log, unsynchronised },
      reload: world.load && (() => reloading.reload()),
      uptimeMs: () => clock.monotonic() - begun,
      about: () => birth.about(),
      readers: () => readers.all,
    },
    ...{ telemetry, publish, clock, signal },
  })
  requests.configure(config.remote)
  const mqtt = new Mqtt({
    config: config.mqtt,
    password: world.password,
    will: telemetry.status('offline'),
    birth: () => [telemetry.status('online'), birth.message()],
    subscriptions: () => [
      ...(config.gpio.outputs.length + config.gpio.inputs.length > 0 ? [commands] : []),
      ...(press !== undefined && config.gpio.inputs.length > 0 ? [presses] : []),
      ...requests.subscriptions(),
      ...retention.subscriptions(signal),
    ],
    onConnected(connected) {
      pins.connected(connected)
      records.connected(connected)
      retention.connected(connected)
      if (connected) rules.renew()
      tellNow() // among what is said first
    },
    kept: manifest,
    onTaken: (message) => retention.taken(message),
    onChange: tell,
    outbox,
    clock,
    log,
    beat: (withinMs) => health.beat('broker', withinMs),
    random: world.random,
    root,
  })

  const reloading = createReload(
    {
      ...{ log, clock, notifier, onBug, load: world.load },
      current: () => config,
      backend: () => gpio.backend,
      apply,
      onResult(problems) {
        health.config(problems)
        publish(telemetry.health(health.report())) // the status line goes with the end of the reload
      },
      status: health.line,
    },
    stop,
  )

  /** Another configuration: what goes, goes first, so that its lines and chips are free for what comes. */
  async function apply(next: Config, plan: Plan): Promise<void> {
    const before = config
    world.onConfig?.(next)
    config = next
    await Promise.all([pins.retire(next.gpio), sensors.retire(next.sensors)])
    for (const { id } of before.sensors) {
      if (!next.sensors.some((sensor) => sensor.id === id)) publish(telemetry.sensorStatus(id, 'offline'))
    }
    await pins.start()
    rules.apply(next.rules)
    retention.apply(next) // nothing speaks any more of what is gone
    await sensors.start(next.sensors)
    records.apply(next.outbox)
    requests.configure(next.remote)
    if (changesAnything(plan, 'mqtt')) mqtt.apply(next.mqtt)
    else mqtt.resubscribe()
    publish(birth.message())
    mqtt.drain()
  }

  // Pins first: an output must have its level before the sensors and the broker take their time.
  await rules.start()
  await pins.open(boot)
  // Told to end, the pins must not wait for a disk.
  const toldToEnd = aborted(signal)
  await Promise.race([Promise.all([time.look(), retention.load()]), toldToEnd])
  // Then the broker: opening the disk takes longer than all before it, and records wait until it is known what is there.
  const broker = mqtt.run(stop).catch(onBug)
  await withDeadline(() => Promise.race([mqtt.tried, toldToEnd]), FIRST_TRY_MS, clock)
  await records.start(signal)

  const every = (name: string, ms: number, work: () => void): Promise<void> =>
    repeat({ ms, work, clock, beat: (withinMs) => health.beat(name, withinMs) }, stop)
  const started = sensors.start(config.sensors)
  pins.count()
  const loops = [
    broker,
    time.run(stop),
    every('health', HEALTH_EVERY_MS, tellNow),
    every('status', STATUS_EVERY_MS, () => void notifier.status(health.line())),
  ]
  if (notifier.watchdogMs !== undefined) {
    loops.push(every('watchdog', notifier.watchdogMs, createFeeding(health.stuck, notifier, log)))
  }
  const watched = loops.map((loop) => loop.catch(onBug))
  const stopped = aborted(stop)
  await Promise.race([started, stopped])
  if (!stop.aborted) {
    retention.ready()
    log.info({ node: config.node.id, run, sensors: config.sensors.length }, 'ready')
    await notifier.ready(health.line())
    world.onReady?.({ idle: () => mqtt.idle(), reload: reloading.reload })
  }
  await stopped

  log.info('stopping')
  const rulesKept = rules.close()
  records.stopping()
  void notifier.stopping()
  await pins.exit() // first of all, whatever a driver is up to
  const ended = (): Promise<unknown> => Promise.all([...watched, sensors.ended(), pins.ended(), reloading.idle()])
  await withDeadline(ended, LOOPS_DEADLINE_MS, clock)
  const pinsKept = pins.keep()
  leaving = true
  await mqtt.close(telemetry.status('offline'), LAST_WORDS)
  const release = async (): Promise<void> => {
    await pinsKept
    await retention.flush()
    await rulesKept
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

/** The name is for people, but where a type has an option that is called so: the driver of the kernel it reads by. */
function withoutLabel(sensor: SensorConfig): object {
  return sensorTypes[sensor.type].ownName === true ? sensor : { ...sensor, name: undefined }
}

function newRun(random: World['random']): string {
  return Math.floor(random() * 36 ** 8)
    .toString(36)
    .padStart(8, '0')
}
