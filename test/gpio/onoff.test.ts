import { readdirSync, readlinkSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DriverUnavailableError } from '../../src/errors.ts'
import { createOnoffGpio } from '../../src/gpio/onoff.ts'
import { silentLog } from '../../src/log.ts'
import { FakeClock, settled } from '../fakes/fake-clock.ts'
import { type FakeOnoff, fakeOnoff } from '../fakes/fake-onoff.ts'
import { type FakeChip, FakeSysfs } from '../fakes/fake-sysfs.ts'
import { type Bench, errorOf, gpioContract, kindOf, listener } from './contract.ts'

const BASE = 512
const LED = { initial: 1, activeLow: false } as const

async function setUp(sysfs = new FakeSysfs()) {
  const clock = new FakeClock()
  const opened: FakeOnoff[] = []
  const load = fakeOnoff(sysfs, opened)
  const gpio = await createOnoffGpio({ clock, log: silentLog(), load, files: sysfs })
  return { gpio, clock, sysfs, opened, line: (line: number) => sysfs.line(BASE + line) }
}

gpioContract('onoff', async () => {
  const { gpio, clock, sysfs, line } = await setUp()
  const bench: Bench = {
    gpio,
    clock,
    drive: (number, outside) => line(number).change({ outside }),
    physical: (number) => line(number).wire,
    moves: (number) => [...line(number).moves],
    hold: (number, consumer) => {
      if (line(number).exported) throw new Error(`GPIO${number} is exported`)
      line(number).holder = consumer
      return () => {
        line(number).holder = undefined
      }
    },
    restart: async () => {
      sysfs.endProcess()
      const next = await setUp(sysfs) // with a clock of its own: the old one stands still, as a dead process does
      bench.gpio = next.gpio
      bench.clock = next.clock
    },
  }
  return bench
})

describe('onoff: finding the header', () => {
  const decoy: FakeChip = { label: 'raspberrypi-exp-gpio', base: 570, lines: 8 }
  it.each([
    { label: 'pinctrl-bcm2835', base: 0, lines: 54, before: [], after: [{ ...decoy, base: 504 }] },
    { label: 'pinctrl-bcm2711', base: 512, lines: 58, before: [], after: [decoy] },
    { label: 'pinctrl-bcm2711', base: 520, lines: 58, before: [{ ...decoy, base: 512 }], after: [] },
    {
      label: 'pinctrl-rp1',
      base: 571,
      lines: 54,
      before: [{ label: 'gpio-brcmstb', base: 512, lines: 32 }],
      after: [],
    },
    {
      label: 'pinctrl-rp1',
      base: 399,
      lines: 54,
      before: [],
      after: [{ label: 'gpio-brcmstb', base: 512, lines: 32 }],
    },
  ])('GPIO17 of $label with base $base is line 17 of that chip, whatever stands beside it', async (given) => {
    const { label, base, lines } = given
    const sysfs = new FakeSysfs([...given.before, { label, base, lines }, ...given.after])
    const { gpio } = await setUp(sysfs)
    await gpio.output(17, LED)
    expect([sysfs.line(base + 17).exported, sysfs.line(base + 17).wire]).toEqual([true, 1])
  })

  it('chips of other kinds alone are not taken, and are listed', async () => {
    const error = await errorOf(setUp(new FakeSysfs([decoy])))
    expect(error.kind).toBe('not-found')
    expect(error.message).toContain('gpiochip570 (raspberrypi-exp-gpio, lines 570 to 577)')
    expect(error.message).toContain('gpio.backend: mock')
  })

  it('two chips that could be the header are ambiguous, and both are listed', async () => {
    const one = { label: 'pinctrl-bcm2711', base: 512, lines: 58 }
    const error = await errorOf(setUp(new FakeSysfs([one, { ...one, label: 'pinctrl-rp1', base: 600 }])))
    expect(error.kind).toBe('ambiguous')
    expect(error.message).toContain('gpiochip512 (pinctrl-bcm2711')
    expect(error.message).toContain('gpiochip600 (pinctrl-rp1')
  })

  it('a kernel without GPIO by sysfs is told as such, with what to do instead', async () => {
    const sysfs = new FakeSysfs()
    sysfs.present = false
    const error = await errorOf(setUp(sysfs))
    expect(error.kind).toBe('not-found')
    expect(error.message).toContain('there is no /sys/class/gpio')
    expect(error.message).toContain('--simulate')
  })

  it('a chip that has too few lines has no such line', async () => {
    const { gpio } = await setUp(new FakeSysfs([{ label: 'pinctrl-bcm2835', base: 0, lines: 16 }]))
    expect(await kindOf(gpio.output(17, LED))).toBe('not-found')
  })

  it('a real folder tree is read below the root that is given, and only there', async () => {
    const root = await mkdtemp(join(tmpdir(), 'gpio-'))
    try {
      const open = () =>
        createOnoffGpio({ clock: new FakeClock(), log: silentLog(), root, load: fakeOnoff(new FakeSysfs()) })
      expect((await errorOf(open())).message).toContain(join(root, 'sys/class/gpio'))
      const chip = join(root, 'sys/class/gpio/gpiochip571')
      await mkdir(chip, { recursive: true })
      await Promise.all([writeFile(join(chip, 'label'), 'pinctrl-rp1\n'), writeFile(join(chip, 'ngpio'), '54\n')])
      await writeFile(join(chip, 'base'), 'x\n')
      expect((await errorOf(open())).message).toContain('gpiochip571/base holds no number but "x"')
      await writeFile(join(chip, 'base'), '571\n')
      const gpio = await open()
      // The tree is no kernel: there is no file to export with, and none is made.
      expect(await kindOf(gpio.output(17, LED))).toBe('lost')
    } finally {
      await rm(root, { recursive: true })
    }
  })

  it('a package that is not installed is told with its remedy; any other failure passes unchanged', async () => {
    const open = (error: Error) => {
      const load = () => {
        throw error
      }
      return createOnoffGpio({ clock: new FakeClock(), log: silentLog(), files: new FakeSysfs(), load })
    }
    const unavailable = new DriverUnavailableError('onoff', 'it is not installed', 'install it')
    const error = await errorOf(open(unavailable))
    expect([error.name, error.kind, error.message, error.cause]).toEqual([
      'GpioError',
      'unavailable',
      unavailable.message,
      unavailable,
    ])
    await expect(open(new TypeError('a bug'))).rejects.toThrow(TypeError)
  })
})

describe('onoff: claiming a line', () => {
  it.each([
    ['up', 'pu'],
    ['down', 'pd'],
    ['none', 'pn'],
  ] as const)('an input with pull: %s is refused, with the two ways to have it', async (pull, setting) => {
    const { gpio, line } = await setUp()
    const error = await errorOf(gpio.input(17, listener({ pull })))
    expect(error.kind).toBe('unsupported')
    expect(error.message).toContain(`gpio=17=ip,${setting} into /boot/firmware/config.txt`)
    expect(error.message).toContain('gpio.backend: chardev')
    expect([line(17).exported, (await gpio.input(17, listener())).line]).toEqual([false, 17])
  })

  it('a counter is refused, and the line left alone: what counts is the character device', async () => {
    const { gpio, line } = await setUp()
    const error = await errorOf(gpio.counter(17, { activeLow: false, debounceMs: 0, edge: 'rising' }))
    expect([error.kind, error.message]).toEqual(['unsupported', expect.stringContaining('gpio.backend: chardev')])
    expect([line(17).exported, (await gpio.input(17, listener())).line]).toEqual([false, 17])
  })

  it('slow permissions are waited for, without blocking', async () => {
    const { gpio, clock, sysfs, line } = await setUp()
    sysfs.slowUdev = 10
    const opening = gpio.output(17, LED)
    await clock.advance(100)
    expect(line(17).direction).toBe('in')
    await clock.advance(200)
    expect(await (await opening).read()).toBe(1)
  })

  it('permissions that never come are an error with a remedy, and the line is given back', async () => {
    const { gpio, clock, sysfs, line } = await setUp()
    sysfs.slowUdev = 1e9
    const refused = errorOf(gpio.input(17, listener()))
    await clock.advance(2100)
    const error = await refused
    expect([error.kind, line(17).exported, clock.sleeping]).toEqual(['permission', false, 0])
    expect(error.message).toContain('sudo usermod -aG gpio')
    expect(error.message).toContain('/sys/class/gpio/gpio529/value')
  })

  it('the first failure is told even where giving the line back fails, too', async () => {
    const { gpio, clock, sysfs } = await setUp()
    sysfs.slowUdev = 1e9
    sysfs.unexportRefusal = 'EIO'
    const refused = kindOf(gpio.input(17, listener()))
    await clock.advance(2100)
    expect(await refused).toBe('permission')
  })

  it('close while permissions are waited for ends the wait and gives the line back', async () => {
    const { gpio, clock, sysfs, line } = await setUp()
    sysfs.slowUdev = 1e9
    const refused = kindOf(gpio.output(17, LED))
    await clock.advance(100)
    await gpio.close()
    expect([line(17).exported, clock.sleeping]).toEqual([false, 0])
    expect(await refused).toBe('misuse')
  })

  it.each([
    { code: 'EACCES', kind: 'permission', says: 'sudo usermod -aG gpio' },
    { code: 'EROFS', kind: 'permission', says: 'ProtectKernelTunables' },
    { code: 'EINVAL', kind: 'io', says: 'GPIO17 (gpio529 of the kernel)' },
  ])('$code at the export is of kind $kind, and says what to do', async ({ code, kind, says }) => {
    const { gpio, sysfs } = await setUp()
    sysfs.exportRefusal = code
    const error = await errorOf(gpio.output(17, LED))
    expect(error.kind).toBe(kind)
    expect(error.message).toContain(says)
  })

  it('a holder that only root could see is not guessed at: it says how to find out', async () => {
    const { gpio, sysfs, line } = await setUp()
    line(17).holder = 'gpioset'
    sysfs.debugReadable = false
    const error = await errorOf(gpio.output(17, LED))
    expect(error.kind).toBe('busy')
    expect(error.message).toContain('sudo cat /sys/kernel/debug/gpio (gpio-529)')
  })

  it.each([
    { row: ' gpio-529 (GPIO17              |onewire@0           ) out hi ', says: 'is held by "onewire@0"' },
    { row: ' gpio-529 (gpioset) output,high', says: 'is held by "gpioset"' },
    { row: ' gpio-529 (GPIO17              )', says: 'gpioinfo tells which' },
    { row: ' gpio-529 (                    |                    ) in  lo', says: 'gpioinfo tells which' },
    { row: ' gpio-5290 (GPIO17             |other               ) in  lo', says: 'gpioinfo tells which' },
  ])('a busy line that debugfs shows as "$row" $says', async ({ row, says }) => {
    const { gpio, sysfs, line } = await setUp()
    line(17).holder = 'someone'
    sysfs.debugText = `gpiochip0: GPIOs 512-569, parent: platform/pinctrl, pinctrl:\n${row}\n gpio-530 (|last) in lo\n`
    expect((await errorOf(gpio.output(17, LED))).message).toContain(says)
  })

  it.each(['direction', 'active_low'])(
    'a %s that onoff failed to set, in silence, is found by reading back',
    async (name) => {
      const before = descriptors()
      const { gpio, sysfs, line } = await setUp()
      sysfs.writeSync('/sys/class/gpio/export', String(BASE + 17))
      line(17).readOnly.add(name)
      const error = await errorOf(gpio.output(17, { initial: 1, activeLow: true }))
      expect(error.kind).toBe('io')
      expect(error.message).toContain(`${name} is`)
      expect([line(17).exported, descriptors()]).toEqual([true, before])
    },
  )

  it('a line that we exported and could not set up is given back', async () => {
    const { gpio, line } = await setUp()
    line(17).readOnly.add('direction')
    expect(await kindOf(gpio.output(17, LED))).toBe('io')
    expect(line(17).exported).toBe(false)
  })

  it('keep on an output that was left behind does not touch its direction, a fixed level sets it once', async () => {
    const { gpio, sysfs, line } = await setUp()
    await gpio.output(17, LED)
    sysfs.endProcess()
    const second = await setUp(sysfs)
    await second.gpio.output(17, { initial: 'keep', activeLow: false })
    expect(line(17).directionWrites).toBe(1)
    sysfs.endProcess()
    await (await setUp(sysfs)).gpio.output(17, { initial: 0, activeLow: false })
    expect(line(17).directionWrites).toBe(2)
  })

  it('an edge that onoff failed to set is found, too: the input would be deaf', async () => {
    const { gpio, sysfs, line } = await setUp()
    sysfs.writeSync('/sys/class/gpio/export', String(BASE + 17))
    line(17).readOnly.add('edge')
    expect((await errorOf(gpio.input(17, listener()))).message).toContain('edge is none instead of both')
  })

  it('a line that could not be opened can be opened once the reason is gone', async () => {
    const { gpio, sysfs } = await setUp()
    sysfs.exportRefusal = 'EACCES'
    expect(await kindOf(gpio.output(17, LED))).toBe('permission')
    sysfs.exportRefusal = undefined
    expect(await (await gpio.output(17, LED)).read()).toBe(1)
  })

  it('keep on an input that somebody exported begins at off', async () => {
    const { gpio, sysfs, line } = await setUp()
    sysfs.writeSync('/sys/class/gpio/export', String(BASE + 17))
    line(17).change({ outside: 1 })
    await gpio.output(17, { initial: 'keep', activeLow: false })
    expect(line(17).moves.at(-1)).toEqual({ direction: 'out', level: 0 })
  })
})

describe('onoff: a line that is taken from under us', () => {
  const unexport = (sysfs: FakeSysfs, line: number): void =>
    sysfs.writeSync('/sys/class/gpio/unexport', String(BASE + line))

  it('an input tells the fault once, comes back by itself, and tells the level that it finds', async () => {
    const { gpio, clock, sysfs, line } = await setUp()
    const heard = listener()
    const input = await gpio.input(27, heard)
    const before = descriptors()
    unexport(sysfs, 27)
    line(27).change({ outside: 1 })
    await clock.advance(1100)
    expect(heard.faults).toMatchObject([{ kind: 'lost' }])
    expect([heard.levels, input.level, line(27).exported, descriptors()]).toEqual([[1], 1, true, before])
    line(27).change({ outside: 0 })
    await clock.advance(21)
    expect(heard.levels).toEqual([1, 0])
  })

  it('an input that somebody else took is tried again until it is free', async () => {
    const { gpio, clock, sysfs, line } = await setUp()
    const heard = listener()
    await gpio.input(27, heard)
    unexport(sysfs, 27)
    line(27).holder = 'gpiomon'
    await clock.advance(20_000)
    line(27).change({ outside: 1 })
    line(27).holder = undefined
    await clock.advance(31_000)
    expect([heard.faults.length, heard.levels]).toEqual([1, [1]])
  })

  it('an edge whose line is gone when it is dispatched is a fault, and ends no process', async () => {
    const { gpio, clock, sysfs, line } = await setUp()
    const heard = listener({ debounceMs: 0 })
    await gpio.input(27, heard)
    line(27).change({ outside: 1 })
    unexport(sysfs, 27)
    await settled()
    await clock.advance(1000)
    expect([heard.faults.length, heard.levels]).toEqual([1, [1]])
  })

  it('a chip that comes back with another base is found again', async () => {
    const { gpio, clock, sysfs } = await setUp()
    const heard = listener()
    await gpio.input(27, heard)
    unexport(sysfs, 27)
    sysfs.chips = []
    await clock.advance(1500)
    sysfs.chips = [{ label: 'pinctrl-bcm2711', base: 600, lines: 58 }]
    sysfs.line(627).change({ outside: 1 })
    await clock.advance(3000)
    expect([heard.faults.length, heard.levels, sysfs.line(627).exported]).toEqual([1, [1], true])
  })

  it('close in the middle of getting an input back leaves nothing exported and nothing running', async () => {
    const { gpio, clock, sysfs, line } = await setUp()
    await gpio.input(27, listener())
    unexport(sysfs, 27)
    sysfs.slowUdev = 1e9
    await clock.advance(1100)
    expect(line(27).exported).toBe(true)
    await gpio.close()
    expect([line(27).exported, clock.sleeping]).toEqual([false, 0])
  })

  it('an output comes back with the next write, straight at its level', async () => {
    const { gpio, sysfs, line } = await setUp()
    const output = await gpio.output(17, { initial: 0, activeLow: true })
    const before = descriptors()
    unexport(sysfs, 17)
    expect(await kindOf(output.read())).toBe('lost')
    line(17).moves.length = 0
    await output.write(0)
    expect(line(17).moves).toEqual([{ direction: 'out', level: 1 }])
    expect(await output.read()).toBe(0)
    expect(descriptors()).toBe(before)
  })

  it('an output that somebody turned into an input comes back with the next write', async () => {
    const { gpio, line } = await setUp()
    const output = await gpio.output(17, LED)
    line(17).change({ direction: 'in' })
    await output.write(1)
    expect(line(17).moves.at(-1)).toEqual({ direction: 'out', level: 1 })
  })

  it('an output that can not be had back is lost at each write, until it can', async () => {
    const { gpio, sysfs, line } = await setUp()
    const output = await gpio.output(17, LED)
    unexport(sysfs, 17)
    line(17).holder = 'gpioset'
    const error = await errorOf(output.write(1))
    expect(error.kind).toBe('lost')
    expect(error.message).toContain('gpioset')
    expect([await kindOf(output.write(1)), await kindOf(output.read())]).toEqual(['lost', 'lost'])
    line(17).holder = undefined
    await output.write(1)
    expect([await output.read(), line(17).wire]).toEqual([1, 1])
  })

  it('a write that the kernel refuses for another reason is told, and the line is not opened anew', async () => {
    const { gpio, line, opened } = await setUp()
    const output = await gpio.output(17, LED)
    line(17).readOnly.add('value')
    expect(await kindOf(output.write(0))).toBe('permission')
    expect([opened.length, line(17).wire]).toEqual([1, 1])
  })
})

describe('onoff: close', () => {
  it('moves no wire any more, however far the opening of a line has come', async () => {
    let opened = 0
    for (let turns = 0; turns < 100; turns += 1) {
      const { gpio, line } = await setUp()
      const opening = gpio.output(17, LED).catch(() => undefined)
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
      const before = line(17).moves.length
      await gpio.close()
      await opening
      expect(line(17).moves.length, `closed after ${turns} turns`).toBe(before)
      opened += before
    }
    expect(opened).toBeGreaterThan(0) // so far had the last ones come
  })

  it('inputs are unexported, outputs stay exported, and all descriptors are closed', async () => {
    const before = descriptors()
    const { gpio, line } = await setUp()
    await gpio.output(17, LED)
    await gpio.input(27, listener())
    expect(descriptors()).toBe(before + 2)
    await gpio.close()
    expect([line(17).exported, line(17).wire, line(27).exported]).toEqual([true, 1, false])
    expect(descriptors()).toBe(before)
  })

  it('an input that somebody unexported before is no trouble', async () => {
    const { gpio, sysfs, line } = await setUp()
    await gpio.input(27, listener())
    sysfs.writeSync('/sys/class/gpio/unexport', String(BASE + 27))
    await gpio.close()
    expect(line(27).exported).toBe(false)
  })

  it('an unexport that the kernel refuses is no trouble', async () => {
    const { gpio, sysfs } = await setUp()
    await gpio.input(27, listener())
    sysfs.unexportRefusal = 'EACCES'
    await gpio.close()
  })

  it('a line that is being opened at that moment is waited for and let go of', async () => {
    const { gpio, clock, line } = await setUp()
    const opening = gpio.input(27, listener())
    const [kind] = await Promise.all([kindOf(opening), gpio.close()])
    expect(kind).toBe('misuse')
    expect([line(27).exported, clock.sleeping]).toEqual([false, 0])
  })

  it('writes that are under way are done before the line is let go of', async () => {
    const { gpio, line } = await setUp()
    const output = await gpio.output(17, LED)
    const writing = Promise.all([output.write(0), output.write(1), output.write(0)])
    await gpio.close()
    await writing
    expect(line(17).wire).toBe(0)
  })
})

/** How many descriptors of fake lines are open: they are real ones, on /dev/null. */
function descriptors(): number {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return '' // that of the listing itself
    }
  })
  return targets.filter((target) => target === '/dev/null').length
}
