import { describe, expect, it } from 'vitest'
import { GpioError } from '../../src/errors.ts'
import { withHeaderChip } from '../../src/gpio/chardev-chip.ts'
import { openCounterLine, openInputLine, openOutputLine } from '../../src/gpio/chardev-line.ts'
import { type FakeChip, FakeChips } from '../fakes/fake-chips.ts'

const header: FakeChip = { path: '/dev/gpiochip0', label: 'pinctrl-bcm2711', lines: 58 }
const decoy: FakeChip = { path: '/dev/gpiochip1', label: 'raspberrypi-exp-gpio', lines: 8 }
const INPUT = { direction: 'in', activeLow: false, pull: undefined, debounceMs: 20, edges: 'both' } as const

function thrownBy(work: () => unknown): GpioError {
  try {
    work()
  } catch (error) {
    if (error instanceof GpioError) return error
    throw error
  }
  return expect.fail('nothing was refused')
}

const find = (kernel: FakeChips): string => withHeaderChip(kernel, ({ path }) => path)

describe('the chip of the header', () => {
  it.each(['pinctrl-rp1', 'pinctrl-bcm2711', 'pinctrl-bcm2835'])('is %s, under whatever number', (label) => {
    const path = '/dev/gpiochip113'
    const kernel = new FakeChips([decoy, { ...header, label, path }, { ...decoy, path: '/dev/gpiochip200' }])
    expect(find(kernel)).toBe(path)
    expect(kernel.opened).toBe(0)
  })

  it('is not one of another kind: those are listed', () => {
    const kernel = new FakeChips([decoy])
    const error = thrownBy(() => find(kernel))
    expect(error.kind).toBe('not-found')
    expect(error.message).toContain('there is only /dev/gpiochip1 (raspberrypi-exp-gpio, 8 lines)')
    expect(error.message).toContain('gpio.backend: mock')
    expect(kernel.opened).toBe(0)
  })

  it('is told as absent where there is no chip at all', () => {
    const error = thrownBy(() => find(new FakeChips([])))
    expect([error.kind, error.message]).toEqual(['not-found', expect.stringContaining('there is no /dev/gpiochip*')])
  })

  it('is not guessed where two could be it: all are listed', () => {
    const kernel = new FakeChips([header, decoy, { ...header, path: '/dev/gpiochip12', label: 'pinctrl-rp1' }])
    const error = thrownBy(() => find(kernel))
    expect(error.kind).toBe('ambiguous')
    expect(error.message).toMatch(/^2 GPIO chips .*gpiochip0 \(pinctrl-bcm2711.*gpiochip12 \(pinctrl-rp1/)
    expect(kernel.opened).toBe(0)
  })

  it('that may not be opened is told with the group and the command', () => {
    const kernel = new FakeChips([{ ...header, refuses: 'EACCES' }])
    const error = thrownBy(() => find(kernel))
    expect(error.kind).toBe('permission')
    expect(error.message).toMatch(/^\/dev\/gpiochip0 can't be opened: EACCES.*group gpio: run sudo usermod -aG gpio /)
  })

  it('is found beside one that may not be opened, one that went away and one that is none', () => {
    const others = [
      { ...decoy, refuses: 'EACCES' },
      { ...decoy, path: '/dev/gpiochip2', refuses: 'ENODEV' },
      { ...decoy, path: '/dev/gpiochip3', label: '' },
    ]
    const kernel = new FakeChips([...others, header])
    expect(find(kernel)).toBe(header.path)
    expect(kernel.opened).toBe(0)
  })

  it('any other trouble with a chip is told where no header is found', () => {
    const error = thrownBy(() => find(new FakeChips([{ ...header, refuses: 'EMFILE' }])))
    expect([error.kind, error.message]).toEqual(['io', expect.stringContaining('EMFILE')])
  })

  it('is closed again after a failure of whoever used it', () => {
    const kernel = new FakeChips([header])
    const fail = (): never => {
      throw new GpioError('io', 'no')
    }
    expect(thrownBy(() => withHeaderChip(kernel, fail)).message).toBe('no')
    expect(kernel.opened).toBe(0)
  })
})

describe('a line', () => {
  const openings = [
    ['input', (kernel: FakeChips) => openInputLine(kernel, 17, INPUT)],
    ['output', (kernel: FakeChips) => openOutputLine(kernel, 17, { initial: 1, activeLow: false })],
    ['kept output', (kernel: FakeChips) => openOutputLine(kernel, 17, { initial: 'keep', activeLow: false })],
  ] as const

  it.each(openings)('is ours as an %s until it is released, and the chip is not kept', (_, open) => {
    const kernel = new FakeChips([header])
    const line = open(kernel)
    expect(kernel.opened).toBe(1)
    line.release()
    expect(kernel.opened).toBe(0)
  })

  it.each(openings)('that is held is refused as an %s, by the name of the holder', (_, open) => {
    const kernel = new FakeChips([{ ...header, holders: new Map([[17, 'gpioset']]) }])
    const error = thrownBy(() => open(kernel))
    expect([error.kind, error.message]).toEqual(['busy', 'GPIO17 is held by "gpioset"; stop that, or use another pin'])
    expect([error.cause, kernel.opened]).toEqual([expect.objectContaining({ code: 'EBUSY' }), 0])
  })

  it('that is held by nobody with a name is refused with the way to find out', () => {
    const error = thrownBy(() => openInputLine(new FakeChips([{ ...header, holders: new Map([[17, '']]) }]), 17, INPUT))
    expect([error.kind, error.message]).toEqual(['busy', expect.stringContaining('gpioinfo')])
  })

  it('that is exported is refused with the way to free it: onoff leaves outputs so', () => {
    const kernel = new FakeChips([{ ...header, holders: new Map([[17, 'sysfs']]) }])
    expect(thrownBy(() => openInputLine(kernel, 17, INPUT)).message).toContain('unexport')
  })

  it('that the chip does not have is told as such', () => {
    const error = thrownBy(() => openInputLine(new FakeChips([{ ...header, lines: 16 }]), 17, INPUT))
    expect([error.kind, error.message]).toEqual(['not-found', expect.stringContaining('16 lines) has no line 17')])
  })

  it.each([
    ['EINVAL', 'unsupported', 'Linux 5.10'],
    ['EPERM', 'permission', 'group gpio'],
    ['ENODEV', 'lost', 'its chip is gone'],
    ['ENOMEM', 'io', 'ENOMEM'],
  ])('that the kernel refuses with %s is an error of kind %s', (refusesLines, kind, hint) => {
    const kernel = new FakeChips([{ ...header, refusesLines }])
    const error = thrownBy(() => openInputLine(kernel, 17, INPUT))
    expect([error.kind, error.message]).toEqual([kind, expect.stringContaining(hint)])
    expect(error.message).toMatch(/^GPIO17 can't be opened as an input: /)
    expect(kernel.opened).toBe(0)
  })

  it('that is to be counted is not sent to sysfs by a kernel that is too old: that counts nothing', () => {
    const kernel = new FakeChips([{ ...header, refusesLines: 'EINVAL' }])
    const error = thrownBy(() => openCounterLine(kernel, 17, { ...INPUT, edges: 'rising' }))
    expect([error.kind, error.message]).toEqual(['unsupported', expect.stringMatching(/Linux 5\.10.*upgrade/)])
    expect(error.message).not.toContain('onoff')
  })

  it('whose chip went away is lost, whatever is asked of it', () => {
    const kernel = new FakeChips([header])
    const line = openInputLine(kernel, 17, INPUT)
    kernel.lose(17)
    for (const work of [() => line.read(), () => line.write(1), () => line.events()]) {
      expect(thrownBy(work).kind).toBe('lost')
    }
  })
})
