import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { TimeSync } from '../src/time-sync.ts'
import { FakeClock } from './fakes/fake-clock.ts'
import { machine, removeMachines } from './fakes/machine.ts'
import { recordLog } from './fakes/recording-log.ts'

afterEach(removeMachines)

async function watch(files: Readonly<Record<string, string>>, answers: (boolean | undefined)[] = []) {
  const root = await machine(files)
  const clock = new FakeClock()
  const { log, told } = recordLog()
  const seen = { asked: 0, synchronised: 0 }
  const time = new TimeSync({
    ...{ root, clock, log },
    async ask() {
      seen.asked += 1
      return answers.length > 1 ? answers.shift() : answers[0]
    },
    onSynchronised() {
      seen.synchronised += 1
    },
  })
  await time.look()
  return { root, clock, time, told, seen }
}

const TIMESYNCD = 'run/systemd/timesync'

describe('the clock', () => {
  it('is right where systemd-timesyncd has left its flag, and nobody else is asked', async () => {
    const { time, seen } = await watch({ [`${TIMESYNCD}/synchronized`]: '' }, [false])
    expect(time.unsynchronised).toBe(false)
    expect(seen).toEqual({ asked: 0, synchronised: 1 })
  })

  it('counts as right where nobody knows, but not for certain', async () => {
    const { time, seen } = await watch({})
    expect(time.unsynchronised).toBe(false)
    expect(seen).toEqual({ asked: 1, synchronised: 0 })
  })

  it.each([true, false])('is as timedatectl says without a flag (%s)', async (answer) => {
    const { time, seen } = await watch({}, [answer])
    expect(time.unsynchronised).toBe(!answer)
    expect(seen.synchronised).toBe(answer ? 1 : 0)
  })

  it('is wrong where timesyncd runs without having set it, and timedatectl says nothing', async () => {
    expect((await watch({ [`${TIMESYNCD}/other`]: '' })).time.unsynchronised).toBe(true)
  })

  it('is found right within a second after the flag appears; that is told once, and nothing is looked at any more', async () => {
    const { root, clock, time, told, seen } = await watch({}, [false])
    const running = time.run(new AbortController().signal)
    await clock.advance(5000)
    expect(time.unsynchronised).toBe(true)
    await mkdir(join(root, TIMESYNCD), { recursive: true })
    await writeFile(join(root, TIMESYNCD, 'synchronized'), '')
    while (time.unsynchronised) await clock.advance(1000)
    await running
    expect(clock.sleeping).toBe(0)
    expect(seen.synchronised).toBe(1)
    expect(told('warn', 'info')).toEqual([
      'warn the clock has not been set yet: records say so',
      'info the clock is synchronised',
    ])
  })

  it('starts few processes to ask while it stays wrong, and one at once when the clock was stepped', async () => {
    const { clock, time, seen } = await watch({}, [false])
    const over = new AbortController()
    const running = time.run(over.signal)
    // Real files are looked at: each turn of the clock has to leave time for that.
    const second = async (): Promise<void> => {
      await clock.advance(1000)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    for (let passed = 0; passed < 600; passed += 1) await second()
    expect(seen.asked).toBeLessThan(8)
    const before = seen.asked
    clock.step(10 * 365 * 86_400_000)
    for (let passed = 0; passed < 60 && seen.asked === before; passed += 1) await second()
    expect(seen.asked).toBe(before + 1)
    over.abort()
    await clock.advance(0)
    await running
  })

  it('that was right once stays right', async () => {
    const { clock, time } = await watch({}, [true, false])
    await time.run(new AbortController().signal)
    clock.step(-10 * 365 * 86_400_000)
    await time.look()
    expect(time.unsynchronised).toBe(false)
  })
})
