/**
 * The contract of a GPIO backend, and what only a kernel can show of one, on the kernel's own lines by its character
 * device. What we send it is read by strace and libgpiod, which know its structs from the C headers.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../src/clock.ts'
import { createChardevGpio } from '../../src/gpio/chardev.ts'
import type { Gpio } from '../../src/gpio/gpio.ts'
import { createOnoffGpio } from '../../src/gpio/onoff.ts'
import { type Logger, silentLog } from '../../src/log.ts'
import { loadOptional } from '../../src/optional.ts'
import { recordLog } from '../fakes/recording-log.ts'
import { errorOf, gpioContract, listener } from '../gpio/contract.ts'
import { drive, folder, resetLines } from './hardware.ts'
import { cleanUp, kernelBench } from './kernel-bench.ts'
import { hear, realTimeContract, until } from './real-time.ts'

const open = (clock: Clock = systemClock, log: Logger = silentLog()): Promise<Gpio> => createChardevGpio({ clock, log })

/** What is used of the package epoll. */
interface EpollPackage {
  readonly Epoll: new (
    ...args: readonly unknown[]
  ) => { add(fd: number, events: number): void; remove(fd: number): void }
}
const { Epoll } = loadOptional('epoll') as EpollPackage // the part of its types that is written above
const watching = new Map<number, { remove(fd: number): void }>()

/** Notes who watches what: with a process its watchers end, too. */
class Poller extends Epoll {
  override add(fd: number, events: number): void {
    super.add(fd, events)
    watching.set(fd, this)
  }
  override remove(fd: number): void {
    super.remove(fd)
    watching.delete(fd)
  }
}
const load = (name: string): unknown => (name === 'epoll' ? { Epoll: Poller } : loadOptional(name))

/** What the kernel does when a process dies: it closes its files. */
function crash(): void {
  for (const [fd, poller] of watching) poller.remove(fd)
  for (const fd of readdirSync('/proc/self/fd')) if (isLine(fd)) closeSync(Number(fd))
}

function isLine(fd: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:gpio-line'
  } catch {
    return false // that of the listing itself
  }
}

/** To the kernel a line that was an output is one, also when nobody has it. */
function turnToInputs(): void {
  const { status, stderr } = spawnSync('gpioget', ['gpiochip0', '17', '22', '23', '27'])
  if (status !== 0) throw new Error(`gpioget: ${stderr}`)
}

afterAll(cleanUp)

gpioContract(
  'chardev on a kernel',
  async () => {
    await cleanUp()
    turnToInputs()
    const create = (clock: Clock): Promise<Gpio> => createChardevGpio({ clock, log: silentLog(), load })
    return kernelBench({ open: create, crash, realTime: { longestMs: 2000, quickMs: 50 } })
  },
  // The kernel debounces by its own clock, which goes on while a busy machine keeps us waiting: far from the time on both sides.
  { orphans: 'released', debounce: { ms: 1200, early: 50, late: 1900 } },
)
realTimeContract('chardev on a kernel', () => open())

describe('chardev on a kernel, beyond the contract', () => {
  let gpio: Gpio
  const { log, lines } = recordLog()
  beforeEach(async () => {
    await cleanUp()
    gpio = await open(systemClock, log)
    return async () => {
      await gpio.close()
      resetLines()
    }
  })
  const gpioinfo = (line: number): string =>
    execFileSync('gpioinfo', ['gpiochip0'], { encoding: 'utf8' })
      .split('\n')
      .find((row) => row.includes(`line ${String(line).padStart(3)}:`)) ?? 'no such line'

  it.each([
    { pull: 'up', level: 1, simulator: 'pull-up', flags: 'pull-up' },
    { pull: 'down', level: 0, simulator: 'pull-down', flags: 'pull-down' },
    // The simulator knows of no wire that floats: there it is the kernel's word alone.
    { pull: 'none', level: 0, simulator: 'pull-down', flags: 'bias-disabled' },
  ] as const)('pull: $pull reaches the chip, and is the level of a wire that nobody drives', async (given) => {
    if (given.pull !== 'none') drive(27, given.level === 1 ? 0 : 1)
    const input = await gpio.input(27, listener({ pull: given.pull }))
    expect(input.level).toBe(given.level)
    expect(readFileSync(`${folder(27)}/pull`, 'utf8').trim()).toBe(given.simulator)
    expect(gpioinfo(27)).toContain(`[used ${given.flags}]`)
  })

  it('without pull the wire is left as it is', async () => {
    drive(27, 1)
    const input = await gpio.input(27, listener())
    expect([input.level, readFileSync(`${folder(27)}/pull`, 'utf8')]).toEqual([1, 'pull-up\n'])
    expect(gpioinfo(27)).toContain('[used]')
  })

  it('edges that the kernel had to drop are counted and told, and the last level is right', async () => {
    const heard = hear(0)
    await gpio.input(27, heard)
    // Nobody here listens meanwhile; a pause after each, as edges without one become one.
    const script = `
exec {nothing}<> <(:)
for i in {1..100}; do for p in up down; do echo pull-$p >${folder(27)}/pull; read -t 0.002 -u $nothing; done; done
echo pull-up >${folder(27)}/pull`
    spawnSync('bash', ['-c', script])
    await until(() => lines.some(({ msg }) => msg === 'edges of an input were lost'))
    await until(() => heard.levels.at(-1) === 1)
    const [told] = lines.filter(({ msg }) => msg === 'edges of an input were lost')
    expect(told).toMatchObject({ level: 'warn', line: 27 })
    // 201 edges, of which it keeps 128; under load a few of them become one.
    expect(Number(told?.lost)).toBeGreaterThan(30)
    expect(Number(told?.lost)).toBeLessThanOrEqual(201 - 128)
  })

  it('a line that onoff has left exported is refused, with the way to free it', async () => {
    const other = await createOnoffGpio({ clock: systemClock, log: silentLog() })
    await other.output(17, { initial: 1, activeLow: false })
    const error = await errorOf(gpio.output(17, { initial: 0, activeLow: false }))
    expect([error.kind, error.message]).toEqual(['busy', expect.stringMatching(/"sysfs".*unexport/)])
    await other.close()
  })

  it('every struct means to the kernel what it means to us', async () => {
    const script = '/tmp/chardev-lines.mjs'
    writeFileSync(
      script,
      `
import { systemClock } from '${process.cwd()}/build/clock.js'
import { createChardevGpio } from '${process.cwd()}/build/gpio/chardev.js'
import { silentLog } from '${process.cwd()}/build/log.js'
const gpio = await createChardevGpio({ clock: systemClock, log: silentLog() })
const ignore = { onChange() {}, onFault() {}, onRecovered() {} }
await gpio.input(27, { ...ignore, activeLow: true, debounceMs: 20, pull: 'up' })
await gpio.input(26, { ...ignore, activeLow: false, debounceMs: 0, pull: 'down' })
await gpio.input(25, { ...ignore, activeLow: false, debounceMs: 0, pull: 'none' })
const output = await gpio.output(17, { initial: 1, activeLow: true })
await output.write(0)
const kept = await gpio.output(18, { initial: 'keep', activeLow: false })
await gpio.close()
const again = await createChardevGpio({ clock: systemClock, log: silentLog() })
await again.output(17, { initial: 'keep', activeLow: false })
await again.close()
process.exit()
`,
    )
    const trace = '/tmp/chardev-lines.strace'
    execFileSync('strace', ['-f', '--seccomp-bpf', '-e', 'trace=ioctl', '-o', trace, process.execPath, script])
    const calls = readFileSync(trace, 'latin1')
    const flag = (...names: readonly string[]): string => names.map((name) => `GPIO_V2_LINE_FLAG_${name}`).join('|')
    const edges = ['EDGE_RISING', 'EDGE_FALLING']
    for (const expected of [
      'GPIO_GET_CHIPINFO_IOCTL, {name="gpiochip0", label="pinctrl-bcm2711", lines=58}) = 0',
      `GPIO_V2_GET_LINE_IOCTL, {num_lines=1, offsets=[27], consumer="sensor-node", config={flags=${flag('ACTIVE_LOW', 'INPUT', ...edges, 'BIAS_PULL_UP')}, num_attrs=1, attrs=[{debounce_period_us=20000, mask=0x1}]}, event_buffer_size=128} => {fd=`,
      `offsets=[26], consumer="sensor-node", config={flags=${flag('INPUT', ...edges, 'BIAS_PULL_DOWN')}, num_attrs=0}, event_buffer_size=128} => {fd=`,
      `offsets=[25], consumer="sensor-node", config={flags=${flag('INPUT', ...edges, 'BIAS_DISABLED')}, num_attrs=0}`,
      `offsets=[17], consumer="sensor-node", config={flags=${flag('ACTIVE_LOW', 'OUTPUT')}, num_attrs=1, attrs=[{values=0x1, mask=0x1}]}} => {fd=`,
      'GPIO_V2_LINE_SET_VALUES_IOCTL, {bits=0, mask=0x1}) = 0',
      'GPIO_V2_GET_LINEINFO_IOCTL, {offset=17',
      'GPIO_V2_LINE_SET_CONFIG_IOCTL, {flags=GPIO_V2_LINE_FLAG_OUTPUT, num_attrs=1, attrs=[{values=',
    ]) {
      expect(calls).toContain(expected)
    }
    expect(calls.split('\n').filter((call) => /GPIO.* = -1 /.test(call))).toEqual([])
  })
})
