/** What a node leaves at the broker, through changes of its configuration, with and without Home Assistant there. The broker takes everything at once, unless it is away. */
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../src/config/load.ts'
import { Manifest } from '../src/manifest.ts'
import type { Quantity } from '../src/reading.ts'
import { createRetention } from '../src/retention.ts'
import { createTelemetry, type Message } from '../src/telemetry.ts'
import { FakeClock, settled } from './fakes/fake-clock.ts'
import { recordLog } from './fakes/recording-log.ts'
import { accepted } from './home-assistant/rules.ts'

const DISCOVERY = 'homeassistant/device/n/config'
const BME = '{ type: bme280, interval: 10s }'
const ATTIC = '{ id: attic, type: sht3x, interval: 10s }'
const ALL: readonly Quantity[] = ['temperature', 'humidity', 'pressure']

function parse(yaml: string) {
  const { config, problems } = parseConfig(yaml, 'config.yaml', { env: {}, hostname: 'pi' })
  if (config === undefined || problems.length > 0) throw new Error(JSON.stringify(problems))
  return { config, telemetry: createTelemetry({ node: config.node.id, topics: config.topics, run: 'r' }) }
}

const house = (sensors: string, rest = 'home_assistant: true'): string =>
  `node: { id: n }\n${rest}\nsensors: [${sensors}]\n`

/** One run of an agent; `manifest` is what an earlier one has left. */
async function run(yaml: string, manifest?: Manifest) {
  const { config, telemetry } = parse(yaml)
  const clock = new FakeClock()
  const { log, told } = recordLog()
  const kept = manifest ?? new Manifest({ folder: undefined, machine: undefined, clock, log, onKept: () => {} })
  const published: Message[] = []
  let away = false
  let spokenOn: ReadonlySet<string> = new Set()
  const waiting: Message[] = []
  const take = (message: Message): void => {
    if (message.payload === '') kept.cleared(message.topic)
    else kept.mayGo(message.topic)
    retention.taken(message)
  }
  const retention = createRetention({
    ...{ config, telemetry, clock, log, manifest: kept, random: () => 0.5, about: { version: '1' } },
    keepOnly(topics) {
      spokenOn = topics
    },
    publish(message) {
      published.push(message)
      if (away) waiting.push(message)
      else queueMicrotask(() => take(message))
    },
  })
  await retention.load()
  const controller = new AbortController()
  const opened = (index: number, quantities: readonly Quantity[]): void => {
    const sensor = config.sensors[index]
    if (sensor === undefined) throw new Error('no such sensor')
    retention.opened(sensor, quantities)
  }
  return {
    retention,
    manifest: kept,
    clock,
    told,
    opened,
    /** What else waits for the broker is not sent any more. */
    speaksOn: (topic: string): boolean => spokenOn.has(topic),
    /** Something else of the agent publishes. */
    keep: (topic: string): boolean => kept.mayGo(topic),
    hear(payload: string): void {
      const [one] = retention.subscriptions(controller.signal)
      one?.hear({ topic: one.filter, payload: Buffer.from(payload), retained: false })
    },
    away(now: boolean): void {
      away = now
      if (!now) for (const message of waiting.splice(0)) take(message)
    },
    /** What was published since the last look: keys of the entities, `-key` where it is removed, `+key` where it comes back for that. */
    async said(): Promise<string[]> {
      await settled()
      return published.splice(0).map(({ topic, payload, retain }) => {
        if (payload === '') return `clear ${topic}`
        const parsed = JSON.parse(payload) as { components: Record<string, Record<string, unknown>> } // made by us
        const back = Object.entries(parsed.components).flatMap(([key, one]) =>
          'unique_id' in one && !('name' in one) ? [key] : [],
        )
        for (const key of back) delete parsed.components[key]
        const { components } = accepted({ topic, retain, payload: JSON.stringify(parsed) })
        const keys = Object.entries(components).map(([key, one]) => ('unique_id' in one ? key : `-${key}`))
        return [...keys.filter((key) => !key.startsWith('node.')), ...back.map((key) => `+${key}`)].join(' ')
      })
    },
    stop: () => controller.abort(),
  }
}

const OWN = 'own.temperature own.humidity own.pressure'

describe('Home Assistant is told', () => {
  it('when the sensors have been opened, once for all of them', async () => {
    const node = await run(house(BME))
    expect(await node.said()).toEqual([])
    node.opened(0, ALL)
    expect(await node.said()).toEqual([])
    node.retention.ready()
    expect(await node.said()).toEqual([OWN])
  })

  it('what the chip has, when that is known, and again when it is another chip', async () => {
    const node = await run(house(BME))
    node.retention.ready()
    expect(await node.said()).toEqual([''])
    node.opened(0, ALL)
    expect(await node.said()).toEqual([OWN])
    node.opened(0, ALL)
    expect(await node.said()).toEqual([])
    node.keep('sensors/n/humidity')
    node.opened(0, ['temperature', 'pressure'])
    expect(await node.said()).toEqual([
      'clear sensors/n/humidity',
      'own.temperature own.pressure -own.humidity',
      'own.temperature own.pressure',
    ])
    expect(node.manifest.entities(DISCOVERY)).not.toHaveProperty('own.humidity')
  })

  it('of a sensor that can’t be opened what it had in the run before', async () => {
    const first = await run(house(BME))
    first.opened(0, ['temperature', 'pressure'])
    first.retention.ready()
    await first.said()
    const second = await run(house(BME), first.manifest)
    second.retention.ready()
    expect(await second.said()).toEqual(['own.temperature own.pressure'])
  })

  it('when it says that it has started, after half of five seconds here, and once though it says it twice', async () => {
    const node = await run(house(BME))
    node.opened(0, ALL)
    node.retention.ready()
    await node.said()
    node.hear('online')
    node.hear('online')
    await node.clock.advance(2499)
    expect(await node.said()).toEqual([])
    await node.clock.advance(1)
    expect(await node.said()).toEqual([OWN])
  })

  it.each(['offline', '', 'ONLINE', 'on', `online${'x'.repeat(100)}`])('nothing when it says %s', async (payload) => {
    const node = await run(house(BME))
    node.retention.ready()
    await node.said()
    node.hear(payload)
    await node.clock.advance(10_000)
    expect(await node.said()).toEqual([])
  })

  it('nothing before there is anything to tell, nor after the end', async () => {
    const node = await run(house(BME))
    node.hear('online')
    await node.clock.advance(10_000)
    expect(await node.said()).toEqual([])
    node.retention.ready()
    await node.said()
    node.hear('online')
    node.stop()
    await node.clock.advance(10_000)
    expect(await node.said()).toEqual([])
  })

  it('nothing without home_assistant, and nothing is heard', async () => {
    const node = await run(house(BME, 'home_assistant: false'))
    node.opened(0, ALL)
    node.retention.ready()
    expect(await node.said()).toEqual([])
    expect(node.retention.subscriptions(new AbortController().signal)).toEqual([])
  })
})

describe('what the configuration has no more', () => {
  it('is cleared in the next run, and its entities are removed once, then left away', async () => {
    const first = await run(house(`${BME}, ${ATTIC}`))
    first.opened(0, ALL)
    first.opened(1, ['temperature', 'humidity'])
    first.retention.ready()
    for (const last of ['temperature', 'humidity', 'status']) first.keep(`sensors/n/attic/${last}`)
    await first.said()
    const second = await run(house(BME), first.manifest)
    expect(await second.said()).toEqual(
      ['temperature', 'humidity', 'status'].map((last) => `clear sensors/n/attic/${last}`),
    )
    second.opened(0, ALL)
    second.retention.ready()
    expect(await second.said()).toEqual([`${OWN} -sensor.attic.temperature -sensor.attic.humidity`, OWN])
    const third = await run(house(BME), second.manifest)
    third.opened(0, ALL)
    third.retention.ready()
    expect(await third.said()).toEqual([OWN])
  })

  it('stays remembered until the broker has both messages, however often the agent starts', async () => {
    const first = await run(house(`${BME}, ${ATTIC}`))
    first.opened(0, ALL)
    first.opened(1, ['temperature'])
    first.retention.ready()
    await first.said()
    for (let start = 0; start < 2; start += 1) {
      const again = await run(house(BME), first.manifest)
      again.away(true)
      again.opened(0, ALL)
      again.retention.ready()
      expect(await again.said()).toEqual([`${OWN} -sensor.attic.temperature`])
    }
  })

  it('is told once more when Home Assistant next starts: it may have been away, and removes only what it has loaded', async () => {
    const first = await run(house(`${BME}, ${ATTIC}`))
    first.opened(0, ALL)
    first.opened(1, ['temperature'])
    first.retention.ready()
    const second = await run(house(BME), first.manifest)
    second.opened(0, ALL)
    second.retention.ready()
    await second.said()
    second.hear('online')
    await second.clock.advance(5000)
    expect(await second.said()).toEqual([`${OWN} +sensor.attic.temperature`, `${OWN} -sensor.attic.temperature`, OWN])
    second.hear('online')
    await second.clock.advance(5000)
    expect(await second.said()).toEqual([OWN])
  })

  it('is not told again where Home Assistant was there to hear it', async () => {
    const node = await run(house(BME))
    node.opened(0, ALL)
    node.retention.ready()
    node.hear('online')
    await node.clock.advance(5000)
    await node.said()
    node.opened(0, ['temperature'])
    await node.said()
    expect(node.manifest.removed(DISCOVERY)).toEqual({})
    node.hear('offline')
    node.opened(0, ALL)
    node.opened(0, ['temperature'])
    await node.said()
    expect(node.manifest.removed(DISCOVERY)).toEqual({ 'own.humidity': 'sensor', 'own.pressure': 'sensor' })
    node.opened(0, ALL)
    await node.said()
    expect(node.manifest.removed(DISCOVERY)).toEqual({})
  })

  it.each([
    ['home_assistant is switched off', house(BME, 'home_assistant: false'), [`clear ${DISCOVERY}`]],
    ['its prefix is another one', house(BME, 'home_assistant: { prefix: ha }'), [`clear ${DISCOVERY}`, '']],
    [
      'the node has another id',
      house(BME).replace('id: n', 'id: m'),
      ['devices/n/status', 'sensors/n/temperature', DISCOVERY].map((topic) => `clear ${topic}`).concat(''),
    ],
    [
      'the prefixes are others',
      house(BME, 'home_assistant: true\ntopics: { devices: "d/{node}", sensors: "s/{node}" }'),
      ['clear devices/n/status', 'clear sensors/n/temperature', 'own.temperature own.humidity own.pressure'],
    ],
  ])('is cleared where %s', async (_, yaml, expected) => {
    const first = await run(house(BME))
    first.opened(0, ALL)
    first.keep('devices/n/status')
    first.keep('sensors/n/temperature')
    first.retention.ready()
    await first.said()
    const second = await run(yaml, first.manifest)
    second.retention.ready()
    expect(await second.said()).toEqual(expected)
    expect(second.manifest.topics.filter((topic) => expected.includes(`clear ${topic}`))).toEqual([])
  })

  it('is cleared while the agent runs, too, and what is new is told', async () => {
    const node = await run(house(`${BME}, ${ATTIC}`))
    node.opened(0, ALL)
    node.opened(1, ['temperature'])
    node.keep('sensors/n/attic/temperature')
    node.retention.ready()
    await node.said()
    const { config } = parse(`${house(BME)}gpio: { outputs: [{ pin: 17 }] }\n`)
    expect(node.speaksOn('sensors/n/attic/temperature')).toBe(true)
    node.retention.apply(config)
    expect(['sensors/n/attic/temperature', 'gpio/17/state', DISCOVERY].map(node.speaksOn)).toEqual([false, true, true])
    expect(await node.said()).toEqual([
      'clear sensors/n/attic/temperature',
      `${OWN} output.17 -sensor.attic.temperature`,
      `${OWN} output.17`,
    ])
  })

  it('that comes back before the broker has heard of its end is not removed', async () => {
    const node = await run(house(`${BME}, ${ATTIC}`))
    node.opened(0, ALL)
    node.opened(1, ['temperature'])
    node.retention.ready()
    await node.said()
    node.away(true)
    const without = parse(house(BME))
    node.retention.apply(without.config)
    await settled()
    const again = parse(house(`${BME}, ${ATTIC}`))
    node.retention.apply(again.config)
    await settled()
    node.away(false)
    expect((await node.said()).at(-1)).toBe(`${OWN} sensor.attic.temperature`)
    expect(node.manifest.entities(DISCOVERY)).toHaveProperty('sensor.attic.temperature')
  })
})
