import { mkdir, symlink } from 'node:fs/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { GpioError } from '../../src/errors.ts'
import { scanGpio } from '../../src/scan/gpio.ts'
import { type FakeChip, FakeChips } from '../fakes/fake-chips.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { machine, removeMachines } from '../fakes/machine.ts'

afterEach(removeMachines)

const HEADER: FakeChip = { path: '/dev/gpiochip0', label: 'pinctrl-bcm2711', lines: 58 }
const EXPANDER: FakeChip = { path: '/dev/gpiochip1', label: 'raspberrypi-exp-gpio', lines: 8 }

const scan = (chips: FakeChips, root = '/') => scanGpio(root, () => chips, new FakeClock())

describe('the GPIO chips', () => {
  it('are told with their labels and lines, and which of them the header is', async () => {
    const kernel = new FakeChips([HEADER, EXPANDER])
    expect(await scan(kernel)).toEqual({
      chips: [
        { name: '/dev/gpiochip0', label: 'pinctrl-bcm2711', lines: 58, header: true, held: [] },
        { name: '/dev/gpiochip1', label: 'raspberrypi-exp-gpio', lines: 8, header: false, held: [] },
      ],
      problems: [],
    })
    expect(kernel.opened).toBe(0)
  })

  it('tell who holds which line, and hold none after it', async () => {
    const holders = new Map([
      [2, 'sysfs'],
      [17, 'sensor-node'],
      [42, ''],
    ])
    const kernel = new FakeChips([{ ...HEADER, holders }])
    const { chips } = await scan(kernel)
    expect(chips[0]?.held).toEqual([
      { line: 2, direction: 'in', holder: 'sysfs' },
      { line: 17, direction: 'in', holder: 'sensor-node' },
      { line: 42, direction: 'in', holder: undefined },
    ])
    expect(kernel.opened).toBe(0)
  })

  it('that are refused are told with the group to join, and hide no other', async () => {
    const kernel = new FakeChips([{ ...HEADER, refuses: 'EACCES' }, EXPANDER])
    const { chips, problems } = await scan(kernel)
    expect(chips.map(({ name }) => name)).toEqual(['/dev/gpiochip1'])
    expect(problems).toEqual([expect.stringMatching(/^\/dev\/gpiochip0: EACCES.*; .*group gpio.*usermod -aG gpio/)])
    expect(kernel.opened).toBe(0)
  })

  it('that went away meanwhile, or are something else, are none', async () => {
    const kernel = new FakeChips([
      { ...HEADER, refuses: 'ENODEV' },
      { ...EXPANDER, label: '' },
    ])
    expect(await scan(kernel)).toEqual({ chips: [], problems: [] })
  })
})

describe('without the character device', () => {
  const gpio = 'sys/class/gpio'
  const chip = (base: number, label: string, lines: number) => ({
    [`${gpio}/gpiochip${base}/label`]: `${label}\n`,
    [`${gpio}/gpiochip${base}/base`]: `${base}\n`,
    [`${gpio}/gpiochip${base}/ngpio`]: `${lines}\n`,
  })
  const unavailable = (): never => {
    throw new GpioError('unavailable', 'driver koffi is unavailable: it is not installed; install it')
  }

  it('the chips are those of sysfs, with the lines that were exported there; and why no more is known', async () => {
    const root = await machine({
      ...chip(512, 'pinctrl-bcm2711', 58),
      ...chip(570, 'raspberrypi-exp-gpio', 8),
      [`${gpio}/gpio529/value`]: '0\n',
      [`${gpio}/gpio571/value`]: '0\n',
      [`${gpio}/export`]: '',
    })
    expect(await scanGpio(root, unavailable, new FakeClock())).toEqual({
      chips: [
        {
          name: 'gpiochip512',
          label: 'pinctrl-bcm2711',
          lines: 58,
          header: true,
          held: [{ line: 17, direction: 'unknown', holder: 'sysfs' }],
        },
        {
          name: 'gpiochip570',
          label: 'raspberrypi-exp-gpio',
          lines: 8,
          header: false,
          held: [{ line: 1, direction: 'unknown', holder: 'sysfs' }],
        },
      ],
      problems: ['who holds which line is not known: driver koffi is unavailable: it is not installed; install it'],
    })
  })

  it('and without sysfs, there are none, and that is no problem of its own', async () => {
    const { chips, problems } = await scanGpio(await machine({}), unavailable, new FakeClock())
    expect([chips, problems.length]).toEqual([[], 1])
  })

  it('what sysfs has and can’t tell is a problem, not an end', async () => {
    const root = await machine({})
    await mkdir(`${root}/sys/class`, { recursive: true })
    await symlink('gpio', `${root}/sys/class/gpio`) // leads to itself
    const { problems } = await scan(new FakeChips([]), root)
    expect(problems).toEqual([expect.stringContaining("can't be listed: ELOOP")])
  })
})
