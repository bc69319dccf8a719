/** The built agent, a real Mosquitto, and what is left there through restarts, renames, removals and `purge`. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type AgentProcess, runToEnd, startAgent } from './fakes/agent-process.ts'
import { brokerBench } from './fakes/broker-bench.ts'
import { freePort, type Mosquitto } from './fakes/mosquitto.ts'
import { type Observer, observe, on, type Seen } from './fakes/observer.ts'
import { describeWith } from './fakes/tools.ts'
import { accepted, type Discovery } from './home-assistant/rules.ts'

interface Node {
  readonly id?: string
  readonly sensors?: string
  readonly pins?: string
  readonly rest?: string
}

const BME = '{ type: bme280, interval: 1s }'
const ATTIC = '{ id: attic, name: Attic, type: sht3x, interval: 1s }'
const LED = 'outputs: [{ pin: 17, name: LED }]'
const DISCOVERY = 'homeassistant/device/rpi001/config'

/** A start takes long on a machine that has much to do. */
const PATIENCE_MS = 30_000

const cleanups: (() => Promise<unknown>)[] = []
let mosquitto: Mosquitto
let observer: Observer
let folder: string

describeWith(['mosquitto'], 'the built agent, a real Mosquitto and what stays there', () => {
  beforeEach(async () => {
    ;({ folder, mosquitto, observer } = await brokerBench(cleanups, 'ha'))
  })
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })

  const configure = async (
    { id = 'rpi001', sensors = BME, pins = LED, rest = 'home_assistant: true' }: Node,
    name = id,
  ): Promise<string> => {
    const file = join(folder, `${name}.yaml`)
    const mqtt = `mqtt: { url: '${mosquitto.url}' }`
    await writeFile(file, `node: { id: ${id} }\n${mqtt}\n${rest}\nsensors: [${sensors}]\ngpio: { ${pins} }\n`)
    return file
  }
  const state = (name: string): Record<string, string> => ({ STATE_DIRECTORY: join(folder, `state-${name}`) })
  /** Runs it until everything is said. `name`: whose card it has. */
  const start = async (node: Node = {}, name = node.id ?? 'rpi001'): Promise<AgentProcess> => {
    observer.clear()
    const file = await configure(node, name)
    const agent = startAgent(['run', '--simulate', '--config', file], { env: state(name) })
    cleanups.push(() => agent.end('SIGKILL'))
    const id = node.id ?? 'rpi001'
    await observer.until(on(`devices/${id}/status`, 'online'), { past: true, ms: PATIENCE_MS })
    await observer.until(on(`sensors/${id}/pressure`), { past: true, ms: PATIENCE_MS })
    if (node.rest === undefined) await observer.until(told(id), { past: true, ms: PATIENCE_MS })
    return agent
  }
  /** A discovery message that says all, and of nothing that it goes. */
  const told =
    (id: string) =>
    ({ topic, payload }: Seen): boolean =>
      topic === `homeassistant/device/${id}/config` &&
      payload !== '' &&
      Object.values(JSON.parse(payload).components as Discovery['components']).every((one) => 'unique_id' in one)
  const stopped = async (agent: AgentProcess): Promise<void> => {
    expect(await agent.end('SIGTERM')).toBe(0)
  }
  /** What the broker keeps. */
  const kept = async (): Promise<Map<string, string>> => {
    const late = await observe(mosquitto.url)
    try {
      const end = late.until(on('end'))
      await late.publish('end', '')
      await end
      return new Map(late.seen.filter(({ retain }) => retain).map(({ topic, payload }) => [topic, payload]))
    } finally {
      await late.end()
    }
  }
  const discovered = async (): Promise<Discovery> => {
    const payload = (await kept()).get(DISCOVERY)
    if (payload === undefined) throw new Error('nothing was told')
    return accepted({ topic: DISCOVERY, payload, retain: true })
  }
  const purge = (...args: string[]): ReturnType<typeof runToEnd> => runToEnd(['purge', ...args])
  const file = (name: string): string => join(folder, `${name}.yaml`)

  it('announces the node, and again when Home Assistant has started', async () => {
    await start({ sensors: `${BME}, ${ATTIC}`, pins: `${LED}, inputs: [{ pin: 27, name: Door, device_class: door }]` })
    const keys = Object.keys((await discovered()).components)
    expect(keys).toEqual(expect.arrayContaining(['own.pressure', 'sensor.attic.humidity', 'output.17', 'input.27']))
    const again = observer.until(on(DISCOVERY))
    await observer.publish('homeassistant/status', 'online')
    expect(told('rpi001')(await again)).toBe(true)
  })

  it('hears Home Assistant that had started before, where that is retained, and after the broker was away', async () => {
    await observer.publish('homeassistant/status', 'online', { retain: true })
    const agent = await start()
    await agent.wrote(/Home Assistant has started/)
    await mosquitto.kill()
    await mosquitto.start()
    const after = await observe(mosquitto.url)
    cleanups.push(() => after.end())
    await after.until(on(DISCOVERY), { past: true })
    const count = after.seen.filter(on(DISCOVERY)).length
    await after.publish('homeassistant/status', 'online')
    while (after.seen.filter(on(DISCOVERY)).length === count) await after.until(on(DISCOVERY))
  })

  it('changes names and no identity when things are renamed, with a restart in between', async () => {
    await stopped(await start({ sensors: `${BME}, ${ATTIC}` }))
    const before = await discovered()
    await start({ sensors: `${BME}, ${ATTIC.replace('name: Attic', 'name: Loft')}`, pins: LED.replace('LED', 'Lamp') })
    const after = await discovered()
    const identity = ({ components }: Discovery): unknown =>
      Object.entries(components).map(([key, one]) => [
        key,
        'unique_id' in one && [one.unique_id, one.default_entity_id],
      ])
    expect(identity(after)).toEqual(identity(before))
    expect(after.components['output.17']).toMatchObject({ name: 'Lamp' })
    expect(after.components['sensor.attic.humidity']).toMatchObject({ name: 'Loft humidity' })
    expect(observer.seen.filter(on(DISCOVERY)).filter((message) => !told('rpi001')(message))).toEqual([])
  })

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'removes what the configuration has no more, after a restart by %s',
    async (signal) => {
      const agent = await start({ sensors: `${BME}, ${ATTIC}`, pins: `${LED}, inputs: [{ pin: 27 }]` })
      await observer.until(on('sensors/rpi001/attic/humidity'), { past: true })
      await agent.end(signal)
      const second = await start()
      await second.wrote(/Home Assistant is told what is gone/)
      await observer.until(on('sensors/rpi001/attic/status', ''), { past: true })
      await observer.until(on('gpio/27/state', ''), { past: true })
      const messages = observer.seen
        .filter(on(DISCOVERY))
        .map(({ payload }) => JSON.parse(payload).components as Discovery['components'])
      expect(messages[0]).toMatchObject({
        'sensor.attic.humidity': { platform: 'sensor' },
        'input.27': { platform: 'binary_sensor' },
      })
      const { components } = await discovered()
      expect(Object.keys(components).filter((key) => key.startsWith('sensor.') || key.startsWith('input.'))).toEqual([])
      expect([...(await kept()).keys()].filter((topic) => /attic|27/.test(topic))).toEqual([])
      await stopped(second)
      await start()
      expect(observer.seen.filter(on(DISCOVERY)).filter((message) => !told('rpi001')(message))).toEqual([])
    },
  )

  it('takes the device away when it is switched off, and clears nothing else', async () => {
    await stopped(await start())
    const before = [...(await kept()).keys()].filter((topic) => topic !== DISCOVERY)
    await start({ rest: 'home_assistant: false' })
    await observer.until(on(DISCOVERY, ''), { past: true })
    expect([...(await kept()).keys()]).toEqual(expect.arrayContaining(before))
    expect((await kept()).has(DISCOVERY)).toBe(false)
  })

  it('leaves nothing behind under an old id of the node', async () => {
    await stopped(await start())
    await start({ id: 'rpi002' }, 'rpi001') // the same card
    await observer.until(on('devices/rpi001/status', ''), { past: true })
    await observer.until(on(DISCOVERY, ''), { past: true })
    expect([...(await kept()).keys()].filter((topic) => topic.includes('rpi001'))).toEqual([])
  })

  it('of two nodes at one broker touches only its own, whatever becomes of it', async () => {
    const other = await start({ id: 'rpi002', sensors: `${BME}, ${ATTIC}`, pins: 'outputs: [{ pin: 22 }]' })
    await observer.until(on('sensors/rpi002/attic/status', 'online'), { past: true })
    await stopped(await start({ sensors: `${BME}, ${ATTIC}` }))
    const others = async (): Promise<string[]> =>
      [...(await kept()).keys()].filter((topic) => /rpi002|\/22\//.test(topic)).sort()
    const before = await others()
    expect(before.length).toBeGreaterThan(9)
    await stopped(await start())
    expect(await others()).toEqual(before)
    const { code, output } = await purge('--config', file('rpi001'), '--state', join(folder, 'state-rpi001'))
    expect({ code, output }).toMatchObject({ code: 0 })
    expect(await others()).toEqual(before)
    expect((await kept()).size).toBe(before.length)
    expect(other.child.exitCode).toBeNull()
  })

  it('is purged of everything, and what other programs keep stays', async () => {
    const strange = [
      'homeassistant/device/rpi003/config',
      'gpio/5/state',
      'sensors/rpi0011/temperature',
      'devices/rpi001/request',
    ]
    for (const topic of strange) await observer.publish(topic, 'x', { retain: true })
    const slow = `${BME}, ${ATTIC}`.replaceAll('1s', '5m') // or its values would expire meanwhile
    const agent = await start({ sensors: slow })
    const refused = await purge('--config', file('rpi001'), '--state', join(folder, 'state-rpi001'))
    expect(refused).toMatchObject({ code: 1 })
    expect(refused.output).toMatch(/rpi001 is online.*--force/)
    await stopped(agent)
    const all = [...(await kept()).keys()].filter((topic) => !strange.includes(topic)).sort()

    const dry = await purge('--config', file('rpi001'), '--state', join(folder, 'state-rpi001'), '--dry-run')
    expect(dry.code).toBe(0)
    expect((await kept()).size).toBe(all.length + strange.length)
    const done = await purge('--config', file('rpi001'), '--state', join(folder, 'state-rpi001'))
    expect(done.code).toBe(0)
    for (const { output } of [dry, done]) {
      expect(
        output
          .split('\n')
          .filter((line) => all.includes(line))
          .sort(),
      ).toEqual(all)
    }
    expect([...(await kept()).keys()].sort()).toEqual(strange.sort())
    expect(await readdir(join(folder, 'state-rpi001'))).not.toContain('retained.json')
    expect(await purge('--config', file('rpi001'), '--state', join(folder, 'state-rpi001'))).toMatchObject({ code: 0 })
  })

  it('is purged without its list, too, also of sensors that the configuration has no more, by MQTT 3.1.1', async () => {
    await stopped(await start({ sensors: `${BME}, ${ATTIC}` }))
    await rm(join(folder, 'state-rpi001'), { recursive: true })
    await configure({ rest: 'home_assistant: false' }) // the discovery message is found nevertheless
    const config = await readFile(file('rpi001'), 'utf8')
    await writeFile(file('rpi001'), config.replace("' }", "', protocol: 4 }"))
    const { code, output } = await purge('--config', file('rpi001'), '--state', join(folder, 'state-rpi001'))
    expect({ code, output }).toMatchObject({ code: 0 })
    expect(output).toMatch(/retained.json is not there/)
    expect([...(await kept()).keys()]).toEqual([])
  })

  it('is purged with --force while it runs, and says itself again what it has', async () => {
    const agent = await start()
    const { code } = await purge('--config', file('rpi001'), '--state', join(folder, 'state-rpi001'), '--force')
    expect(code).not.toBe(78)
    await observer.until(on('sensors/rpi001/temperature'))
    await stopped(agent)
  })

  it('that can’t be purged says why, and forgets nothing', async () => {
    await stopped(await start())
    const list = await readFile(join(folder, 'state-rpi001', 'retained.json'), 'utf8')
    const config = await readFile(file('rpi001'), 'utf8')
    await writeFile(file('nowhere'), config.replace(mosquitto.url, `mqtt://127.0.0.1:${await freePort()}`))
    const nowhere = await purge('--config', file('nowhere'), '--state', join(folder, 'state-rpi001'))
    expect(nowhere.code).toBe(69)
    expect(nowhere.output).toMatch(/nothing listens at that address/)

    const acl = join(folder, 'acl')
    await writeFile(acl, 'topic read #\ntopic write sensors/#\n')
    await mosquitto.kill()
    await mosquitto.start(['allow_anonymous true', `acl_file ${acl}`, `user ${userInfo().username}`])
    const closed = await purge('--config', file('rpi001'), '--state', join(folder, 'state-rpi001'))
    expect(closed.code).toBe(1)
    expect(closed.output).toMatch(/devices\/rpi001\/status is not cleared: the broker’s access rules/)
    const after = JSON.parse(await readFile(join(folder, 'state-rpi001', 'retained.json'), 'utf8'))
    expect(JSON.parse(list).topics).toEqual(expect.arrayContaining(after.topics))
    expect(after.topics).toContain('devices/rpi001/status')
    expect(after.topics).not.toContain('sensors/rpi001/status')

    expect(await purge('--config', join(folder, 'none.yaml'))).toMatchObject({ code: 78 })
  })

  it('has every entity on topics on which it says something that the entity can read', async () => {
    await start({
      sensors: `${BME}, { id: board, type: system, interval: 1s }`,
      pins: `${LED}, inputs: [{ pin: 27 }, { pin: 5, mode: counter, interval: 1s }]`,
    })
    const { components } = await discovered()
    await observer.until(on('gpio/5/total'), { past: true })
    await observer.until(on('sensors/rpi001/board/uptime'), { past: true })
    for (const [key, one] of Object.entries(components)) {
      if (!('unique_id' in one) || key === 'counter.5.rate') continue
      const { payload } = await observer.until(on(one.state_topic), { past: true })
      if ('value_template' in one && one.value_template !== undefined) {
        const [path = '', filter] = one.value_template
          .slice(2, -2)
          .split('|')
          .map((part) => part.trim())
        const value = path
          .split('.')
          .slice(1)
          .reduce<unknown>(
            (at, step) => (step === 'values()' ? Object.values(at as object) : (at as Record<string, unknown>)[step]),
            JSON.parse(payload),
          ) // as the template goes
        expect(filter === 'sum' ? Array.isArray(value) : ['number', 'string'].includes(typeof value)).toBe(true)
      } else if ('payload_on' in one && one.platform === 'binary_sensor')
        expect([one.payload_on, one.payload_off]).toContain(payload)
      else if (one.platform === 'switch') expect([one.state_on, one.state_off]).toContain(payload)
      else expect(Number.isFinite(Number(payload)) && payload !== '').toBe(true)
      if (one.platform !== 'switch') continue
      const state = observer.until(on(one.state_topic, one.state_on))
      await observer.publish(one.command_topic, one.payload_on)
      await state
    }
  })
})
