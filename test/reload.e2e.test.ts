/** The built command, its configuration changed under it, and told so by SIGHUP; systemd is a command that takes notes. */
import { chmod, readFile, rename, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type AgentProcess, startAgent } from './fakes/agent-process.ts'
import { brokerBench } from './fakes/broker-bench.ts'
import type { Mosquitto } from './fakes/mosquitto.ts'
import { type Observer, observe, on, type Seen } from './fakes/observer.ts'
import { describeWith } from './fakes/tools.ts'

/** Takes down how it was called, a line each. */
const NOTIFY = `#!/bin/sh
echo "$@" >>"$NOTES"
`

const CONFIG = (url: string, { interval = '100ms', pins = '', more = '' } = {}): string => `
node: { id: rpi001 }
mqtt: { url: '${url}' }
sensors:
  - { id: steady, type: simulated, interval: 100ms }
  - { id: other, type: simulated, interval: ${interval} }
gpio:
  backend: mock
  mock_history: history
  outputs:
    - { pin: 17, name: LED, on_exit: keep }
    - { pin: 22, active_low: true }
    ${pins}
${more}
`

const cleanups: (() => Promise<unknown>)[] = []
let mosquitto: Mosquitto
let observer: Observer
let folder: string
let file: string

const health = (accepts: (health: Record<string, unknown>) => boolean) => (message: Seen) =>
  message.topic === 'devices/rpi001/health' && accepts(JSON.parse(message.payload))
const notes = async (): Promise<string[]> =>
  (await readFile(join(folder, 'notes'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')
const moves = async (line: number): Promise<string[]> =>
  (await readFile(join(folder, 'history'), 'utf8')).split('\n').filter((entry) => entry.includes(`"line":${line},`))

describeWith(['mosquitto'], 'SIGHUP', () => {
  beforeEach(async () => {
    ;({ folder, mosquitto, observer } = await brokerBench(cleanups, 'reload'))
    file = join(folder, 'config.yaml')
    await writeFile(join(folder, 'systemd-notify'), NOTIFY)
    await chmod(join(folder, 'systemd-notify'), 0o755)
  })
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })

  const write = (options?: Parameters<typeof CONFIG>[1]): Promise<void> =>
    writeFile(file, CONFIG(mosquitto.url, options))
  const asService = (): Record<string, string> => ({
    NOTIFY_SOCKET: '/run/systemd/notify',
    NOTES: join(folder, 'notes'),
    PATH: `${folder}${delimiter}${process.env.PATH}`,
  })
  const start = async (env = asService()): Promise<AgentProcess> => {
    await write()
    const agent = startAgent(['run', '--config', file], { env })
    cleanups.push(() => agent.end('SIGKILL'))
    return agent
  }
  const up = async (): Promise<void> => {
    await observer.until(on('sensors/rpi001/steady/data'), { past: true })
    await observer.until(on('gpio/22/state'), { past: true })
  }
  const numbers = (id: string): number[] =>
    observer.seen.filter(on(`sensors/rpi001/${id}/data`)).map(({ payload }) => JSON.parse(payload).seq)

  it('loads a changed file: only what changed is touched, and systemd is told', async () => {
    const agent = await start()
    await up()
    await observer.publish('gpio/17/command', 'on')
    await observer.until(on('gpio/17/state', '1'), { past: true })
    const before = await Promise.all([moves(17), moves(22)])
    for (let turn = 1; turn <= 10; turn += 1) {
      const info = observer.until(
        ({ topic, payload }) => topic === 'devices/rpi001/info' && payload.includes(`"pin":24`) === (turn % 2 === 1),
      )
      await write({ interval: `${100 + turn}ms`, pins: turn % 2 === 1 ? '- { pin: 24, initial: on }' : '' })
      agent.child.kill('SIGHUP')
      await info
    }
    await agent.wrote(/("configuration reloaded"[\s\S]*){10}/)
    expect(await Promise.all([moves(17), moves(22)])).toEqual(before)
    expect(await moves(24)).not.toEqual([])
    for (const id of ['steady', 'other']) expect(numbers(id)).toEqual(numbers(id).map((_, index) => index))
    expect(observer.seen.filter(on('devices/rpi001/status')).map(({ payload }) => payload)).toEqual(['online'])
    // Each is told by a process of its own, in turn; the end drops those that still wait.
    const reloading = async () => (await notes()).filter((line) => /RELOADING=1 MONOTONIC_USEC=\d+$/.test(line)).length
    const ready = async () => (await notes()).filter((line) => line.startsWith('--ready')).length
    await expect.poll(reloading, { timeout: 10_000 }).toBe(10)
    await expect.poll(ready, { timeout: 10_000 }).toBeGreaterThanOrEqual(10)
    expect(await agent.end('SIGTERM')).toBe(0)
  })

  it('of a wrong file changes nothing; the log, the status line and health say why, until a good one comes', async () => {
    const agent = await start()
    await up()
    const before = await moves(17)
    const withPassword = async (): Promise<void> =>
      writeFile(file, CONFIG(mosquitto.url).replace("' }", "', username: u, password_file: absent }"))
    const bad: [what: string, make: () => Promise<unknown>, reason: RegExp][] = [
      ['no YAML', () => writeFile(file, 'sensors: ['), /config\.yaml:\d+:\d+: /],
      ['no text', () => writeFile(file, Buffer.from([0xff, 0xfe, 0x00])), /config\.yaml/],
      ['empty', () => writeFile(file, ''), /config\.yaml/],
      ['unknown key', () => write({ more: 'nonsense: 1' }), /config\.yaml:\d+:1: nonsense: unknown key/],
      ['pin used twice', () => write({ pins: '- { pin: 22 }' }), /22/],
      ['no such password file', withPassword, /does not exist/],
      [
        'restart needed',
        () => writeFile(file, CONFIG(mosquitto.url).replace('rpi001', 'rpi002')),
        /node\.id: .*restart/,
      ],
      ['gone', () => rename(file, `${file}.gone`), /config\.yaml/],
    ]
    for (const [what, make, reason] of bad) {
      await make()
      const told = observer.until(health(({ config_error: error }) => reason.test(String(error))))
      agent.child.kill('SIGHUP')
      await told.catch((error: Error) => expect.fail(`${what}: ${error.message}\n${agent.output()}`))
      expect((await notes()).length, what).toBeGreaterThan(0)
    }
    await agent.wrote(/("the configuration was not reloaded[\s\S]*){8}/)
    while (!(await notes()).some((line) => /--ready.*--status=.*config not reloaded: .*node\.id/.test(line)));
    expect(await moves(17)).toEqual(before)
    expect(numbers('steady')).toEqual(numbers('steady').map((_, index) => index))
    await write({ interval: '150ms' })
    const well = observer.until(health((report) => !('config_error' in report)))
    agent.child.kill('SIGHUP')
    await well
    expect(await agent.end('SIGTERM')).toBe(0)
  })

  it('while the broker is away takes back what it has not heard yet, and clears what it has', async () => {
    const agent = await start()
    await up()
    const rule = (topic: string): string =>
      `rules: [{ when: { metric: temperature, sensor: steady, above: -100 }, then: [{ publish: { topic: ${topic}, payload: x, retain: true } }, { alert: a-${topic} }] }]`
    await write({ more: rule('heard') })
    agent.child.kill('SIGHUP')
    await observer.until(on('heard', 'x'), { past: true })
    await observer.until(({ topic }) => topic === 'alerts/rpi001/a-heard', { past: true })
    await observer.end()
    await mosquitto.kill()
    await write({ more: rule('unheard') })
    agent.child.kill('SIGHUP')
    await agent.wrote(/("rule active"[\s\S]*){2}/)
    await write()
    agent.child.kill('SIGHUP')
    await agent.wrote(/("configuration reloaded"[\s\S]*){3}/)
    await mosquitto.start()
    const later = await observe(mosquitto.url)
    cleanups.push(() => later.end())
    await later.until(on('heard', ''), { past: true })
    await later.until(on('alerts/rpi001/a-heard', ''), { past: true })
    await later.until(on('sensors/rpi001/steady/data'))
    const said = later.seen.filter(({ topic, payload }) => /heard/.test(topic) && payload !== '')
    expect(said.filter(({ topic }) => topic !== 'sensors/rpi001/steady/alert')).toEqual([])
  })

  it('again and again is one reload after the one that runs, and the newest file is what runs then', async () => {
    const agent = await start()
    await up()
    for (let turn = 0; turn < 50; turn += 1) {
      if (turn % 10 === 0) await write({ pins: `- { pin: ${4 + turn / 10} }` })
      agent.child.kill('SIGHUP')
    }
    await write({ pins: '- { pin: 25 }' })
    agent.child.kill('SIGHUP')
    await observer.until(on('gpio/25/state'), { past: true })
    expect(numbers('steady')).toEqual(numbers('steady').map((_, index) => index))
    expect(await agent.end('SIGTERM')).toBe(0)
  })

  it('while the service starts is heard when it is ready', async () => {
    const agent = await start()
    await agent.wrote(/"configuration"/)
    agent.child.kill('SIGHUP')
    await agent.wrote(/"ready"[\s\S]*(nothing to reload|configuration reloaded)/)
    expect(await agent.end('SIGTERM')).toBe(0)
  })

  it('with SIGTERM right behind it, or in front of it, is an orderly stop', async () => {
    for (const signals of [
      ['SIGHUP', 'SIGTERM'],
      ['SIGTERM', 'SIGHUP'],
    ] as const) {
      observer.clear()
      const agent = await start()
      await up()
      await write({ pins: '- { pin: 24, initial: on }' })
      for (const signal of signals) agent.child.kill(signal)
      expect(await agent.exited).toBe(0)
      await observer.until(on('devices/rpi001/status', 'offline'), { past: true })
      expect((await moves(24)).at(-1) ?? '"level":0').toContain('"level":0')
    }
  })

  it('without a service manager is a terminal that hung up: the outputs take their exit level, and it exits 0', async () => {
    const agent = await start({})
    await up()
    await observer.publish('gpio/22/command', 'on')
    await observer.until(on('gpio/22/state', '1'), { past: true })
    await write({ interval: '1s' })
    agent.child.kill('SIGHUP')
    expect(await agent.exited).toBe(0)
    await observer.until(on('devices/rpi001/status', 'offline'), { past: true })
    expect((await moves(22)).at(-1)).toContain('"level":1') // off, as its wire is low while it is on
    expect(agent.output()).toMatch(/"signal":"SIGHUP".*told to stop/)
    expect(agent.output()).not.toContain('reloaded')
  })
})
