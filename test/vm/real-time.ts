/** What a GPIO backend does on a kernel in real time, whichever it is. The tests of each backend run this. */
import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { Gpio, Level } from '../../src/gpio/gpio.ts'
import { listener } from '../gpio/contract.ts'
import { drive, gpioDown, gpioUp, resetLines, wire } from './hardware.ts'
import { PATIENCE_MS } from './patience.ts'

/** So much longer than the pauses of the chatter that a machine with other work to do does not make a rest of one. */
const DEBOUNCE_MS = 800
/** A backend that waits for the end of a chatter in vain would be silent for good; one that told it late, later. */
const SOON_MS = 5000

export function realTimeContract(name: string, open: () => Promise<Gpio>): void {
  describe(`${name}, in real time`, () => {
    let gpio: Gpio
    beforeEach(async () => {
      resetLines()
      gpio = await open()
    })
    afterEach(() => gpio.close())

    it('a second of chatter, and then rest: exactly the final level, and soon', async () => {
      const heard = hear(DEBOUNCE_MS)
      await gpio.input(27, heard)
      for (let toggles = 0; toggles < 100; toggles += 1) {
        drive(27, toggles % 2 === 0 ? 1 : 0)
        await sleep(10)
      }
      drive(27, 1)
      expect(heard.levels).toEqual([])
      const rested = systemClock.monotonic()
      expect(await heard.first).toBe(1)
      expect(systemClock.monotonic() - rested).toBeLessThan(SOON_MS)
      await sleep(1500)
      expect(heard.levels).toEqual([1])
    })

    it('an event loop that is blocked for a second loses no final level', async () => {
      const heard = hear(20)
      await gpio.input(27, heard)
      // The wire goes up, down and up again while nobody here can listen.
      const script = 'for p in up down up; do echo pull-$p >/run/gpio-sim/pi/sim_gpio27/pull; sleep 0.3; done'
      spawnSync('sh', ['-c', script])
      await until(() => heard.levels.at(-1) === 1)
      drive(27, 0)
      await until(() => heard.levels.at(-1) === 0)
    })

    it('a chip that goes away and comes back behind another is found again, by inputs and outputs', async () => {
      const heard = hear(20)
      await gpio.input(27, heard)
      const output = await gpio.output(17, { initial: 0, activeLow: false })
      gpioDown()
      // Takes the numbers that were the header's.
      gpioUp({ name: 'decoy', label: 'raspberrypi-exp-gpio', lines: 64 })
      gpioUp()
      try {
        drive(27, 1)
        expect(await heard.first).toBe(1)
        expect(heard.faults).toMatchObject([{ kind: 'lost' }])
        await output.write(1)
        expect([await output.read(), wire(17)]).toEqual([1, 1])
      } finally {
        await gpio.close()
        gpioDown()
        gpioDown('decoy')
        gpioUp()
      }
    })
  })
}

/** Options of an input, and its first news. */
export function hear(debounceMs: number) {
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

/** Waits for what has no event of its own, such as a line that is got back. */
export async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  const end = systemClock.monotonic() + PATIENCE_MS
  while (!(await what())) {
    if (systemClock.monotonic() > end) expect.fail(`never: ${what}`)
    await sleep(20)
  }
}
