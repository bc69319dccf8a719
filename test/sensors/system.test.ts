import { execFileSync } from 'node:child_process'
import { getEventListeners } from 'node:events'
import { mkdir, mkdtemp, open as openFile, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../src/log.ts'
import type { Quantity, Sample } from '../../src/reading.ts'
import type { Sensor, SensorEnv } from '../../src/sensors/sensor.ts'
import { system } from '../../src/sensors/system.ts'
import { diskUsed } from '../../src/sensors/system-files.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

const idle = new AbortController().signal
const ZONE = 'sys/class/thermal/thermal_zone0'
const BITS = 'sys/devices/platform/soc/soc:firmware/get_throttled'
const WIRELESS_HEAD = `Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
`

function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/system-${name}`, import.meta.url))
}

const folders: string[] = []

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

/** A machine in a temporary folder: the text of each file. */
async function machine(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'system-'))
  folders.push(root)
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  return root
}

function envOf(root: string): SensorEnv {
  return { clock: new FakeClock(), log: silentLog(), root, name: 'board' }
}

function optionsOf(options: object = {}) {
  return { ...system.options.parse(options), metrics: {} }
}

function open(root: string, options: object = {}): Promise<Sensor> {
  return system.open(optionsOf(options), envOf(root))
}

/** One read, without the disk, which is this machine's own even for a fixture. */
async function readOf(root: string, options: object = {}): Promise<object> {
  const { disk_used, ...rest } = await (await open(root, options)).read(idle)
  expect(disk_used).toBeGreaterThan(0)
  return rest
}

describe('a machine that is there', () => {
  it('gives all there is on a Pi 4 that is hot, on a weak supply and on Wi-Fi', async () => {
    const sensor = await open(fixture('pi4'))
    expect([...sensor.quantities].sort()).toEqual(Object.keys(system.measures).sort())
    const { disk_used, ...sample } = await sensor.read(idle)
    expect(sample).toEqual({
      cpu_temperature: 81.783,
      load_1m: 0.52,
      load_5m: 0.58,
      load_15m: 0.59,
      memory_used: 25,
      uptime: 350735.47,
      wifi_signal: -47,
      under_voltage: 1,
      throttled: 1,
    })
    expect(disk_used).toBeGreaterThan(0)
    expect(disk_used).toBeLessThanOrEqual(100)
  })

  it('has no throttling on a Pi 5 whose kernel has no file for it, and no signal while Wi-Fi is not connected', async () => {
    const sensor = await open(fixture('pi5'))
    expect(sensor.quantities).toContain('wifi_signal')
    expect(sensor.quantities).not.toContain('throttled')
    expect(await readOf(fixture('pi5'))).toEqual({
      cpu_temperature: 44.45,
      load_1m: 0.08,
      load_5m: 0.03,
      load_15m: 0.01,
      memory_used: expect.closeTo(10, 3),
      uptime: 86.02,
      under_voltage: 0,
    })
  })

  it("does not take a virtual machine's ACPI zone for its processor", async () => {
    const sensor = await open(fixture('vm'))
    const quantities: Quantity[] = ['load_1m', 'load_5m', 'load_15m', 'memory_used', 'disk_used', 'uptime']
    expect(sensor.quantities).toEqual(quantities)
    expect(Object.keys(await sensor.read(idle)).sort()).toEqual([...quantities].sort())
  })

  it('gives what is left in a container that hides the rest', async () => {
    const sensor = await open(fixture('container'))
    expect(sensor.quantities).toEqual(['disk_used', 'uptime'])
    expect(await readOf(fixture('container'))).toEqual({ uptime: 512.3 })
  })

  it('measures the machine that it runs on', async () => {
    const sample = await (await open('/')).read(idle)
    expect(sample.load_1m).toBeGreaterThanOrEqual(0)
    expect(sample.memory_used).toBeGreaterThan(0)
    expect(sample.memory_used).toBeLessThan(100)
    expect(sample.disk_used).toBeGreaterThan(0)
    expect(sample.uptime).toBeGreaterThan(0)
  })
})

describe('a file that is damaged', () => {
  it('costs its own quantities only, and never gives a number', async () => {
    expect(await readOf(fixture('damaged'))).toEqual({})
  })

  it.each([
    ['proc/loadavg', ''],
    ['proc/loadavg', '0.52 0.58 0.59'],
    ['proc/loadavg', '0.52 0.58 high 1/467 12345\n'],
    ['proc/loadavg', 'error 0.52 0.58 0.59 1/467 12345\n'],
    ['proc/meminfo', ''],
    ['proc/meminfo', 'MemTotal: 0 kB\nMemAvailable: 0 kB\n'],
    ['proc/meminfo', 'MemTotal: 100 kB\nMemAvailable: 200 kB\n'],
    ['proc/meminfo', 'MemAvailable: 200 kB\n'],
    ['proc/meminfo', 'MemTotal: lots\nMemAvailable: some\n'],
    ['proc/uptime', ''],
    ['proc/uptime', '-5.00 1.00\n'],
    ['proc/uptime', '12\n'],
    [`${ZONE}/temp`, ''],
    [`${ZONE}/temp`, '\n'],
    [`${ZONE}/temp`, 'N/A\n'],
    [`${ZONE}/temp`, '45000 mC\n'],
    [`${ZONE}/temp`, "temp=47.2'C\n"],
    ['sys/class/hwmon/hwmon1/in0_lcrit_alarm', '2\n'],
    ['sys/class/hwmon/hwmon1/in0_lcrit_alarm', ''],
    [BITS, ''],
    [BITS, 'throttled=0x0\n'],
    [BITS, 'error=1 error_msg="Command not registered"\n'],
    ['proc/net/wireless', WIRELESS_HEAD],
    ['proc/net/wireless', `${WIRELESS_HEAD} wlan0: 0000   63.\n`],
    ['proc/net/wireless', `${WIRELESS_HEAD} wlan0: 0000   63.  70.  30.  0 0 0 0 0 0\n`],
    ['proc/net/wireless', `${WIRELESS_HEAD} wlan0: 0000    0  -256  -256   0 0 0 0 0 0\n`],
  ])('%s with %j gives nothing', async (path, text) => {
    const root = await machine({
      [`${ZONE}/type`]: 'cpu-thermal\n',
      'sys/class/hwmon/hwmon1/name': 'rpi_volt\n',
      [path]: text,
    })
    expect(await readOf(root)).toEqual({})
  })

  it('comes back by itself once it is whole again', async () => {
    const root = await machine({ [`${ZONE}/type`]: 'cpu-thermal\n', [`${ZONE}/temp`]: '' })
    const sensor = await open(root)
    expect(sensor.quantities).toContain('cpu_temperature')
    expect(await sensor.read(idle)).not.toHaveProperty('cpu_temperature')
    await writeFile(join(root, ZONE, 'temp'), '-1250\n')
    expect(await sensor.read(idle)).toHaveProperty('cpu_temperature', -1.25)
    await rm(join(root, ZONE, 'temp'))
    expect(await sensor.read(idle)).not.toHaveProperty('cpu_temperature')
  })

  it('is an error when it leaves nothing at all', async () => {
    const root = join(await machine({}), 'nothing-here')
    await expect(open(root)).rejects.toMatchObject({
      name: 'SensorError',
      kind: 'not-found',
      message: `nothing of this machine can be read below ${root}; check that /proc and /sys are mounted and not hidden from this service`,
    })
  })

  it('is an error when everything vanishes after the opening', async () => {
    const root = await machine({ 'proc/uptime': '5.00 1.00\n' })
    const sensor = await open(root)
    await rm(root, { recursive: true })
    await expect(sensor.read(idle)).rejects.toMatchObject({ name: 'SensorError', kind: 'not-found' })
  })
})

describe("the processor's temperature", () => {
  const zones = (...types: string[]) =>
    Object.fromEntries(
      types.flatMap((type, n) => [
        [`sys/class/thermal/thermal_zone${n}/type`, `${type}\n`],
        [`sys/class/thermal/thermal_zone${n}/temp`, `${(n + 1) * 10_000}\n`],
      ]),
    )
  const chips = (...names: string[]) =>
    Object.fromEntries(
      names.flatMap((name, n) => [
        [`sys/class/hwmon/hwmon${n}/name`, `${name}\n`],
        [`sys/class/hwmon/hwmon${n}/temp1_input`, `${(n + 1) * 1000}\n`],
      ]),
    )

  it.each([
    ['the zone of the CPU, whatever its number', zones('gpu-thermal', 'acpitz', 'cpu-thermal'), 30],
    ['the zone of an old Pi kernel', zones('bcm2835_thermal'), 10],
    ['the first of many cores', zones('pmic', 'cpu0-thermal', 'cpu1-thermal'), 20],
    ["an Intel processor's package", zones('acpitz', 'iwlwifi_1', 'x86_pkg_temp'), 30],
    ['a zone before a chip', { ...zones('cpu-thermal'), ...chips('coretemp') }, 10],
    ['a chip where there is no zone of a CPU', { ...zones('acpitz'), ...chips('nvme', 'coretemp') }, 2],
    ["an AMD processor's chip", chips('k10temp', 'amdgpu'), 1],
  ])('is that of %s', async (_, files, expected) => {
    expect(await readOf(await machine(files))).toEqual({ cpu_temperature: expected })
  })

  it('takes zone 2 before zone 10', async () => {
    const files = zones(...Array.from({ length: 11 }, (_, n) => (n === 2 || n === 10 ? 'x86_pkg_temp' : 'other')))
    expect(await readOf(await machine(files))).toEqual({ cpu_temperature: 30 })
  })

  it('comes from the chip while the zone refuses', async () => {
    const files = { ...zones('cpu-thermal'), ...chips('cpu_thermal'), [`${ZONE}/temp`]: '' }
    expect(await readOf(await machine(files))).toEqual({ cpu_temperature: 1 })
  })

  it('is absent where only other things are measured', async () => {
    expect((await open(await machine({ ...zones('gpu-thermal'), ...chips('nvme') }))).quantities).toEqual(['disk_used'])
  })
})

describe('the supply of a Pi', () => {
  const pi = (bits: string) => ({
    'sys/class/hwmon/hwmon3/name': 'rpi_volt\n',
    'sys/class/hwmon/hwmon3/in0_lcrit_alarm': '0\n',
    [BITS]: `${bits}\n`,
  })

  it.each([
    ['0', 0],
    ['1', 0], // under-voltage alone
    ['2', 1],
    ['4', 1],
    ['8', 1],
    ['5', 1],
    ['e0000', 0], // all of it in the past
    ['80008', 1],
  ])('is throttled by the bits %s: %i', async (bits, expected) => {
    expect(await readOf(await machine(pi(bits)))).toEqual({ under_voltage: 0, throttled: expected })
  })

  it("is found on a Pi 5 with an older kernel, whose SoC's name has an address", async () => {
    const soc = 'soc@107c000000'
    const root = await machine({ ...pi('0'), [`sys/devices/platform/${soc}/${soc}:firmware/get_throttled`]: '4\n' })
    await rm(join(root, 'sys/devices/platform/soc'), { recursive: true })
    expect(await readOf(root)).toEqual({ under_voltage: 0, throttled: 1 })
  })

  it('leaves the throttling bits alone where the config says so', async () => {
    const sensor = await open(await machine(pi('4')), { throttled: false })
    expect(sensor.quantities).toEqual(['disk_used', 'under_voltage'])
    expect(await sensor.read(idle)).not.toHaveProperty('throttled')
  })

  it('does not believe throttling bits that no driver refreshes', async () => {
    expect(await readOf(await machine({ [BITS]: '0\n', 'proc/uptime': '5.00 1.00\n' }))).toEqual({ uptime: 5 })
  })
})

describe('the Wi-Fi signal', () => {
  const rows = (...lines: string[]) => ({ 'proc/net/wireless': `${WIRELESS_HEAD}${lines.join('\n')}\n` })
  const down = ' wlan0: 0000    0     0     0        0      0      0      0      0        0'
  const weak = ' wlan1: 0000   30.  -80.  -256        0      0      0      0      6        0'
  const strong = 'wlx00c0caaabbcc: 0000   70.  -35.  -95.        0      0      0      0      6        0'

  it('is that of the first interface that is connected', async () => {
    expect(await readOf(await machine(rows(down, weak, strong)))).toEqual({ wifi_signal: -80 })
  })

  it('is that of the interface in the config', async () => {
    const root = await machine(rows(down, weak, strong))
    expect(await readOf(root, { interface: 'wlx00c0caaabbcc' })).toEqual({ wifi_signal: -35 })
    expect(await readOf(root, { interface: 'wlan0' })).toEqual({})
  })

  it('comes and goes with the connection', async () => {
    const root = await machine(rows(down))
    const sensor = await open(root)
    expect(sensor.quantities).toContain('wifi_signal')
    expect(await sensor.read(idle)).not.toHaveProperty('wifi_signal')
    await writeFile(join(root, 'proc/net/wireless'), rows(weak)['proc/net/wireless'])
    expect(await sensor.read(idle)).toHaveProperty('wifi_signal', -80)
  })

  it('is not promised by a machine without a wireless interface', async () => {
    expect((await open(await machine(rows()))).quantities).not.toContain('wifi_signal')
  })

  it('is awaited where the config names an interface that is not there yet', async () => {
    const root = await machine(rows())
    const sensor = await open(root, { interface: 'wlan1' })
    expect(sensor.quantities).toContain('wifi_signal')
    await writeFile(join(root, 'proc/net/wireless'), rows(weak)['proc/net/wireless'])
    expect(await sensor.read(idle)).toHaveProperty('wifi_signal', -80)
  })
})

describe('the disk', () => {
  it('is as full as df says, without what only root may use', async () => {
    const root = await machine({})
    const { blocks, bfree, bavail } = await statfs(root)
    const { disk_used } = await (await open(root)).read(idle)
    expect(disk_used).toBeCloseTo((100 * (blocks - bfree)) / (blocks - bfree + bavail), 0)
  })

  it('is 70 of 95 where 5 of 100 blocks are kept for root', () => {
    expect(diskUsed({ blocks: 100, bfree: 30, bavail: 25 }).disk_used).toBeCloseTo((100 * 70) / 95, 9)
  })

  it('is that of the path in the config, below the same root', async () => {
    const root = await machine({ 'proc/uptime': '5.00 1.00\n' })
    const sensor = await open(root, { disk: '/mnt/data' })
    expect(await sensor.read(idle)).toEqual({ uptime: 5 })
    await mkdir(join(root, 'mnt/data'), { recursive: true })
    expect(await sensor.read(idle)).toMatchObject({ uptime: 5, disk_used: expect.any(Number) })
  })

  it('is absent where a file system has no blocks', async () => {
    expect(await (await open('/', { disk: '/proc' })).read(idle)).not.toHaveProperty('disk_used')
  })
})

describe('a file that does not answer', () => {
  /** What was asked before the abort answers in its own time. */
  async function readUntil(sensor: Sensor, quantity: Quantity): Promise<Sample> {
    for (let n = 0; n < 1000; n += 1) {
      const sample = await sensor.read(idle)
      if (sample[quantity] !== undefined) return sample
    }
    throw new Error(`${quantity} did not come`)
  }

  it('ends the read at its deadline, and is left out until it answers', async () => {
    const root = await machine({ 'proc/uptime': '5.00 1.00\n', 'proc/loadavg': '1.00 2.00 3.00 1/2 3\n' })
    const path = join(root, 'proc/uptime')
    const options = optionsOf()
    const sensor = await system.open(options, envOf(root))
    await rm(path)
    execFileSync('mkfifo', [path]) // reading it blocks until somebody writes
    try {
      const deadline = new AbortController()
      const hanging = sensor.read(deadline.signal)
      const reason = new Error('no result within 2000 ms')
      setImmediate(() => deadline.abort(reason))
      await expect(hanging).rejects.toBe(reason)
      expect(getEventListeners(deadline.signal, 'abort')).toHaveLength(0)
      await sensor.close()

      const reopened = await system.open(options, envOf(root))
      expect(reopened.quantities).toContain('uptime')
      const others = await readUntil(reopened, 'load_1m')
      expect(others).toMatchObject({ load_1m: 1, load_5m: 2, load_15m: 3 })
      expect(others).not.toHaveProperty('uptime')

      await answer(path)
      await rm(path)
      await writeFile(path, '7.00 1.00\n')
      expect(await readUntil(reopened, 'uptime')).toHaveProperty('uptime', 7)
    } finally {
      await answer(path)
    }
  })

  /** Opened for both ways, a pipe does not wait for its other end. */
  async function answer(path: string): Promise<void> {
    const pipe = await openFile(path, 'r+')
    await pipe.write('6.00 1.00\n')
    await pipe.close()
  }

  it('is not waited for when the deadline has passed before', async () => {
    const sensor = await open(fixture('vm'))
    const reason = new Error('too late')
    await expect(sensor.read(AbortSignal.abort(reason))).rejects.toBe(reason)
  })

  it('leaves no listener behind after a good read', async () => {
    const deadline = new AbortController()
    await (await open(fixture('vm'))).read(deadline.signal)
    expect(getEventListeners(deadline.signal, 'abort')).toHaveLength(0)
  })
})

describe('the schema of the system sensor', () => {
  it.each([
    ['disk', 'mnt', 'must be a path that begins with /'],
    ['disk', 5, 'must be a path'],
    ['interface', 'wlan 0', 'must be the name of a network interface, such as wlan0'],
    ['interface', 'a-name-that-is-too-long', 'must be the name of a network interface, such as wlan0'],
    ['throttled', 'yes', 'must be true or false'],
  ])('refuses %s: %s', (key, value, message) => {
    expect(system.options.safeParse({ [key]: value }).error?.issues.map((issue) => issue.message)).toEqual([message])
  })

  it('describes every option, for the reference that is made from it', () => {
    for (const [key, schema] of Object.entries(system.options.shape)) expect(schema.description, key).toBeTruthy()
  })
})
