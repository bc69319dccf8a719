/**
 * Counting on a kernel's lines: pulses at 1 kHz that nobody has time for, a chip that goes away, and an agent that stops,
 * dies and loses its power.
 *
 * The machine has one processor: the kernel's thread that counts goes first there, as it would on a Pi, however little
 * time the machine gets.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { createChardevGpio } from '../../src/gpio/chardev.ts'
import type { Gpio } from '../../src/gpio/gpio.ts'
import { silentLog } from '../../src/log.ts'
import { type AgentProcess, startAgent } from '../fakes/agent-process.ts'
import { kindOf } from '../gpio/contract.ts'
import { counterContract } from '../gpio/counter-contract.ts'
import { drive, folder, gpioDown, gpioUp, resetLines } from './hardware.ts'
import { clearRetained, type Subscriber, subscribe } from './subscriber.ts'

const LINE = 5
const OPTIONS = { activeLow: false, debounceMs: 0, edge: 'rising' } as const
const DRIVER = fileURLToPath(new URL('../../test/vm/pulse-driver.mjs', import.meta.url))
/** The interrupts of our lines by the kernel's own count: who else could know how many edges there really were. */
function interrupts(): number {
  const rows = readFileSync('/proc/interrupts', 'utf8').split('\n')
  const counts = rows.filter((row) => row.includes('sensor-node')).flatMap((row) => row.trim().split(/\s+/).slice(1, 2))
  return counts.reduce((sum, count) => sum + Number(count), 0)
}

/** Pulses at 1 kHz from another process, and does `meanwhile` again and again. Holds that each was an edge to the kernel. */
async function pulse(pulses: number, meanwhile: () => void | Promise<void> = () => {}): Promise<void> {
  const before = interrupts()
  const child = spawn(process.execPath, [DRIVER, `${folder(LINE)}/pull`, String(pulses), '1000'], { stdio: 'inherit' })
  let over = false
  child.once('close', () => {
    over = true
  })
  while (!over) {
    await meanwhile()
    await sleep(10)
  }
  expect(interrupts() - before).toBe(pulses)
}

/** Nothing of this process runs: no timer, no event, no read. */
function blockFor(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

const cleanups: (() => unknown)[] = []
async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  resetLines()
}
async function openGpio(): Promise<Gpio> {
  const gpio = await createChardevGpio({ clock: systemClock, log: silentLog() })
  cleanups.push(() => gpio.close())
  return gpio
}

afterAll(cleanUp)

counterContract('the character device of a kernel', async () => {
  await cleanUp()
  const gpio = await openGpio()
  return {
    gpio: {
      ...{ backend: gpio.backend, input: gpio.input.bind(gpio), output: gpio.output.bind(gpio) },
      counter: (line, options) => gpio.counter(line, options),
      release: (line) => gpio.release(line),
      close: () => gpio.close(),
    },
    drive: async (line, level) => drive(line, level),
    pass: (ms) => sleep(ms),
    hold(line) {
      expect(spawnSync('gpioset', ['--mode=signal', '--background', 'gpiochip0', `${line}=0`]).status).toBe(0)
      return () => void spawnSync('sh', ['-c', 'pkill -x gpioset; while pgrep -x gpioset; do sleep 0.02; done'])
    },
  }
})

describe('pulses at 1 kHz', () => {
  beforeEach(cleanUp)

  it('are all counted by an event loop that is blocked for 100 ms, over and over', async () => {
    const counter = await (await openGpio()).counter(LINE, OPTIONS)
    await pulse(2000, async () => {
      blockFor(100)
      await counter.read()
    })
    expect((await counter.read()).count).toBe(2000)
  })

  it('are all counted where nobody reads until the kernel’s buffer has overflown', async () => {
    const counter = await (await openGpio()).counter(LINE, OPTIONS)
    await pulse(1500, () => blockFor(100))
    expect(await counter.read()).toMatchObject({ count: 1500, unseen: 1500 - 1024 })
  })

  it('a chip that goes away and comes back costs what came meanwhile, and the count goes on', async () => {
    const counter = await (await openGpio()).counter(LINE, OPTIONS)
    await pulse(500)
    expect(await counter.read()).toMatchObject({ count: 500, outages: 0 })
    gpioDown()
    for (const kind of ['lost', 'not-found']) expect(await kindOf(counter.read())).toBe(kind)
    gpioUp()
    expect(await counter.read()).toMatchObject({ count: 500, outages: 1 })
    await pulse(300)
    expect(await counter.read()).toMatchObject({ count: 800, outages: 1 })
  })
})

describe('the agent that counts', () => {
  const CONFIG = `
node: { id: rpi001 }
mqtt: { url: 'mqtt://localhost:1883' }
gpio:
  inputs:
    - { pin: ${LINE}, name: Meter, mode: counter, interval: 1s, pulses_per_unit: 1000, unit: kWh }
`
  let subscriber: Subscriber
  let agent: AgentProcess
  let home: string
  beforeAll(async () => {
    await cleanUp()
    home = mkdtempSync(join(tmpdir(), 'counter-'))
    chmodSync(home, 0o755)
    for (const name of ['state', 'runtime']) {
      mkdirSync(join(home, name))
      execFileSync('chown', ['pi', join(home, name)])
    }
    writeFileSync(join(home, 'config.yaml'), CONFIG)
    subscriber = await subscribe()
  })
  afterAll(async () => {
    await agent.end('SIGKILL')
    await subscriber.end()
    clearRetained()
  })

  async function start(total: RegExp): Promise<void> {
    subscriber.clear()
    const up = subscriber.until(`gpio/${LINE}/data`, total)
    const env = { STATE_DIRECTORY: join(home, 'state'), RUNTIME_DIRECTORY: join(home, 'runtime') }
    agent = startAgent(['run', '--config', join(home, 'config.yaml')], { user: 'pi', env })
    await up
  }
  const kept = (where: string): string => readFileSync(join(home, where, 'counters.json'), 'utf8')
  async function total(pulses: number): Promise<void> {
    await subscriber.until(`gpio/${LINE}/data`, new RegExp(`"pulses":${pulses}\\b`), 'past')
  }

  it('is on the character device, as auto takes that for a counter', async () => {
    await start(/"pulses":0\b/)
    const { payload } = await subscriber.until('devices/rpi001/info', /"gpio":"chardev"/, 'past')
    expect(JSON.parse(payload)).toMatchObject({ gpio_reason: expect.stringMatching(/^auto: GPIO5 has mode: counter/) })
  })

  it('loses no pulse of 1 kHz while it is stopped for 100 ms, over and over', async () => {
    await pulse(1000, async () => {
      agent.child.kill('SIGSTOP')
      await sleep(100)
      agent.child.kill('SIGCONT')
    })
    await total(1000)
    await subscriber.until(`gpio/${LINE}/total`, '1', 'past')
  })

  it('goes on from its total after a clean stop, which has it on the card', async () => {
    expect(await agent.end('SIGTERM')).toBe(0)
    expect(kept('state')).toBe(`{"${LINE}":1000}`)
    await start(/"pulses":1000\b/)
  })

  it('goes on from its total after SIGKILL, though the card was not written', async () => {
    await pulse(500)
    await total(1500)
    await agent.end('SIGKILL')
    expect([kept('state'), kept('runtime')]).toEqual([`{"${LINE}":1000}`, `{"${LINE}":1500}`])
    await start(/"pulses":1500\b/)
  })

  it('goes on from what is on the card after a power cut', async () => {
    await agent.end('SIGKILL')
    rmSync(join(home, 'runtime', 'counters.json'))
    await start(/"pulses":1000\b/)
  })
})
