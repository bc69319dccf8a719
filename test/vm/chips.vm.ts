/** How kernels number the header's lines: by which chip, from where, and between which others. For both real backends. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { createChardevGpio } from '../../src/gpio/chardev.ts'
import { createOnoffGpio } from '../../src/gpio/onoff.ts'
import { silentLog } from '../../src/log.ts'
import { errorOf } from '../gpio/contract.ts'
import { type Chip, exported, gpioDown, gpioUp, resetLines, startUdev, stopUdev, wire } from './hardware.ts'

const chip = (name: string, label: string, lines: number, base = -1): Chip => ({ name, label, lines, base })
/** The expander beside the header on a Pi 3 or 4, and one of the SoC's own chips on a Pi 5. */
const EXPANDER = chip('expander', 'raspberrypi-exp-gpio', 8)
const SOC = chip('soc', 'gpio-brcmstb@107d508500', 32)

/** In the order in which they came up. */
const up: Chip[] = []
function bringUp(chips: readonly Chip[]): void {
  for (const one of chips) {
    gpioUp(one)
    up.push(one)
  }
}
function takeDown(): void {
  for (const { name } of up.splice(0)) gpioDown(name)
}

beforeAll(() => {
  stopUdev()
  resetLines()
  gpioDown()
})
afterEach(takeDown)
afterAll(() => {
  gpioUp()
  startUdev()
})

const given = { clock: systemClock, log: silentLog() }
const BACKENDS = { onoff: () => createOnoffGpio(given), chardev: () => createChardevGpio(given) }

describe.each(Object.entries(BACKENDS))('a header on a kernel, by %s', (backend, open) => {
  it.each([
    { board: 'a Pi 3, old kernel', chips: [chip('pi', 'pinctrl-bcm2835', 54, 0), EXPANDER], number: 17 },
    { board: 'a Pi 3', chips: [chip('pi', 'pinctrl-bcm2835', 54), EXPANDER], number: 529 },
    { board: 'a Pi 4', chips: [chip('pi', 'pinctrl-bcm2711', 58), EXPANDER], number: 529 },
    { board: 'a Pi 4, expander first', chips: [EXPANDER, chip('pi', 'pinctrl-bcm2711', 58)], number: 537 },
    { board: 'a Pi 5, old kernel', chips: [chip('pi', 'pinctrl-rp1', 54, 399), SOC], number: 416 },
    { board: 'a Pi 5', chips: [SOC, EXPANDER, chip('pi', 'pinctrl-rp1', 54, 571)], number: 588 },
  ])('GPIO17 is number $number on $board, and its wire moves', async ({ chips, number }) => {
    bringUp(chips)
    const gpio = await open()
    const output = await gpio.output(17, { initial: 1, activeLow: false })
    expect([exported(), wire(17)]).toEqual([backend === 'onoff' ? [number] : [], 1])
    await output.write(0)
    expect(wire(17)).toBe(0)
    await gpio.close()
    resetLines()
  })

  it('two chips with a label of the header are an error that lists both, and no line is touched', async () => {
    bringUp([chip('pi', 'pinctrl-rp1', 54), SOC, chip('second', 'pinctrl-rp1', 54)])
    const error = await errorOf(open())
    expect(error.kind).toBe('ambiguous')
    // By the number of its first line, and by that of its device.
    for (const name of backend === 'onoff' ? ['gpiochip512', 'gpiochip598'] : ['/dev/gpiochip0', '/dev/gpiochip2'])
      expect(error.message).toContain(name)
    expect(exported()).toEqual([])
  })

  it('a kernel without a chip of the header is an error that lists what there is', async () => {
    bringUp([EXPANDER, SOC])
    const error = await errorOf(open())
    expect(error.kind).toBe('not-found')
    expect(error.message).toContain('raspberrypi-exp-gpio')
    expect(error.message).toContain('gpio-brcmstb@107d508500')
  })

  it('a kernel without any chip is an error that says so', async () => {
    const error = await errorOf(open())
    expect(error.kind).toBe('not-found')
    const said = backend === 'onoff' ? '/sys/class/gpio has no gpiochip' : 'there is no /dev/gpiochip*'
    expect(error.message).toContain(said)
  })
})
