/** The contract of a GPIO backend, and what only a kernel can do to one, on the kernel's own lines by the real onoff. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { Gpio, Level } from '../../src/gpio/gpio.ts'
import { createOnoffGpio } from '../../src/gpio/onoff.ts'
import { silentLog } from '../../src/log.ts'
import { FakeClock, settled } from '../fakes/fake-clock.ts'
import { type Bench, errorOf, gpioContract, listener } from '../gpio/contract.ts'
import { drive, resetLines, simHardware, wire } from './hardware.ts'
import { WireTrace } from './wire-trace.ts'

/** Where this kernel begins to count. */
const BASE = 512
/** How long an edge takes from the simulator through its deferred interrupt to our process, at most. Nothing tells. */
const EDGE_MS = 40

const cleanups: (() => unknown)[] = []
async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  resetLines()
}

/** The backend under a clock that we turn, and a kernel that has its own. */
async function kernelBench(): Promise<Bench> {
  await cleanUp()
  const trace = new WireTrace(BASE, ['gpioset'])
  cleanups.push(() => trace.end())
  let disturbed = false
  const arrived = async (): Promise<void> => {
    if (disturbed) await sleep(EDGE_MS)
    disturbed = false
    do await settled()
    while (process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq')))
  }
  const start = async (): Promise<Pick<Bench, 'gpio' | 'clock'>> => {
    const clock = new FakeClock(Date.now(), arrived)
    const gpio = await createOnoffGpio({ clock, log: silentLog() })
    cleanups.push(() => gpio.close())
    return { gpio, clock }
  }
  const bench: Bench = {
    ...(await start()),
    drive(line, level) {
      trace.drive(line, level)
      disturbed = true
    },
    physical: (line) => wire(line),
    moves: (line) => trace.moves(line),
    hold: (line) => holdWithGpioset(line),
    // The lines can't tell a dead process from one whose clock stands still; agent.vm.ts kills real ones.
    restart: async () => void Object.assign(bench, await start()),
  }
  return bench
}

/** Returns when the line is held; so does what it returns, when it is free. */
function holdWithGpioset(line: number, level: Level = 0): () => void {
  const { status, stderr } = spawnSync('gpioset', ['--mode=signal', '--background', 'gpiochip0', `${line}=${level}`])
  if (status !== 0) throw new Error(`gpioset: ${stderr}`)
  const release = (): void =>
    void spawnSync('sh', ['-c', 'pkill -x gpioset; while pgrep -x gpioset; do sleep 0.02; done'])
  cleanups.push(release)
  return release
}

gpioContract('onoff on a kernel', kernelBench)
afterAll(cleanUp)

describe('onoff on a kernel, in real time', () => {
  let gpio: Gpio
  beforeEach(async () => {
    await cleanUp()
    gpio = await createOnoffGpio({ clock: systemClock, log: silentLog() })
    cleanups.push(() => gpio.close())
  })

  /** Waits for what has no event of its own, such as a line that is got back. */
  const until = async (what: () => boolean | Promise<boolean>): Promise<void> => {
    const end = systemClock.monotonic() + 20_000
    while (!(await what())) {
      if (systemClock.monotonic() > end) expect.fail(`never: ${what}`)
      await sleep(20)
    }
  }
  const unexport = (line: number): void => writeFileSync('/sys/class/gpio/unexport', String(BASE + line))
  const hear = (debounceMs: number) => {
    let news = (_: Level): void => {}
    const first = new Promise<Level>((resolve) => {
      news = resolve
    })
    const heard = listener({ debounceMs })
    const onChange = (level: Level): void => {
      heard.onChange(level)
      news(level)
    }
    return { ...heard, onChange, first }
  }

  it('a second of chatter, and then rest: exactly the final level, and soon', async () => {
    const heard = hear(50)
    await gpio.input(27, heard)
    for (let toggles = 0; toggles < 100; toggles += 1) {
      drive(27, toggles % 2 === 0 ? 1 : 0)
      await sleep(10)
    }
    drive(27, 1)
    const rested = systemClock.monotonic()
    expect(await heard.first).toBe(1)
    expect(systemClock.monotonic() - rested).toBeLessThan(1000)
    await sleep(1500)
    expect(heard.levels).toEqual([1])
  })

  it('an event loop that is blocked for a second loses no final level', async () => {
    const heard = hear(20)
    await gpio.input(27, heard)
    // The wire goes up, down and up again while nobody here can listen.
    const script = 'for p in up down up; do echo pull-$p >/run/gpio-sim/pi/sim_gpio27/pull; sleep 0.3; done'
    spawnSync('sh', ['-c', script])
    expect(await heard.first).toBe(1)
    drive(27, 0)
    await until(() => heard.levels.length > 1)
    expect(heard.levels).toEqual([1, 0])
  })

  it('an input that somebody unexported tells its fault, comes back, and tells what it missed', async () => {
    const heard = hear(20)
    const recovered = new Promise<void>((resolve) => {
      heard.onRecovered = resolve
    })
    await gpio.input(27, heard)
    unexport(27)
    drive(27, 1)
    await recovered
    expect(await heard.first).toBe(1)
    expect(heard.faults).toMatchObject([{ kind: 'lost' }])
    drive(27, 0)
    await until(() => heard.levels.at(-1) === 0)
  })

  it('an output that somebody unexported comes back with the next write', async () => {
    const output = await gpio.output(17, { initial: 0, activeLow: true })
    unexport(17)
    expect((await errorOf(output.read())).kind).toBe('lost')
    await output.write(1)
    await output.write(0)
    expect([await output.read(), wire(17)]).toEqual([0, 1])
  })

  it('a chip that goes away under an input and comes back with another base is found again', async () => {
    const heard = hear(20)
    await gpio.input(27, heard)
    simHardware('gpio-down')
    // Takes the numbers that were the header's.
    simHardware('gpio-up', 'decoy', 'raspberrypi-exp-gpio', '64')
    simHardware('gpio-up')
    try {
      drive(27, 1)
      expect(await heard.first).toBe(1)
      expect(heard.faults).toMatchObject([{ kind: 'lost' }])
    } finally {
      await gpio.close()
      simHardware('gpio-down')
      simHardware('gpio-down', 'decoy')
      simHardware('gpio-up')
    }
  })
})
