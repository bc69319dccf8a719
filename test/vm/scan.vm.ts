/** What `scan` and `read` find on a kernel: the chip by its label, who holds a line, the BME280, which is not disturbed. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { createChardevGpio } from '../../src/gpio/chardev.ts'
import { loadKernel } from '../../src/gpio/chardev-kernel.ts'
import { silentLog } from '../../src/log.ts'
import { loadOptional } from '../../src/optional.ts'
import { type ScanReport, scan } from '../../src/scan/scan.ts'
import { runToEnd } from '../fakes/agent-process.ts'
import { resetLines, setBme280 } from './hardware.ts'

beforeAll(resetLines)

const repairs: (() => unknown)[] = []
afterEach(async () => {
  for (const repair of repairs.splice(0).reverse()) await repair()
})

function look(quick = false): Promise<ScanReport> {
  const user = { name: 'root', uid: 0, gids: [0] }
  const options = { root: '/', load: loadOptional, clock: systemClock, kernel: () => loadKernel({}), user, quick }
  return scan(options, AbortSignal.timeout(60_000))
}

function unplug(): void {
  setBme280('present', 0)
  repairs.push(() => setBme280('present', 1))
}

describe('a scan of a kernel', () => {
  it('finds the chip by its label, and tells who holds which of its lines', async () => {
    const gpio = await createChardevGpio({ clock: systemClock, log: silentLog() })
    repairs.push(() => gpio.close())
    await gpio.output(17, { initial: 1, activeLow: false })
    const held = [{ line: 17, direction: 'out', holder: 'sensor-node' }]
    expect((await look()).gpio).toEqual({
      chips: [{ name: '/dev/gpiochip0', label: 'pinctrl-bcm2711', lines: 58, header: true, held }],
      problems: [],
    })
  })

  it('finds the BME280 at its address, alone, and leaves every one of its registers as it was', async () => {
    const registers = (): Buffer => readFileSync('/run/bme280-sim/regs')
    const before = registers()
    for (const quick of [false, true]) {
      const { i2c } = await look(quick)
      expect(i2c).toMatchObject([{ bus: 1, probed: true, addresses: [{ address: 0x76, types: ['bme280'] }] }])
      expect(i2c[0]?.addresses).toHaveLength(1)
    }
    expect(registers().equals(before)).toBe(true)
  })

  it('tells a chip that a driver of the kernel holds, and how it is read then', async () => {
    const bus = '/sys/bus/i2c/devices/i2c-1'
    execFileSync('modprobe', ['bmp280-i2c'])
    writeFileSync(`${bus}/new_device`, 'bme280 0x76')
    repairs.push(() => writeFileSync(`${bus}/delete_device`, '0x76'))
    const { i2c, config } = await look()
    expect(i2c[0]?.addresses).toEqual([
      { address: 0x76, state: 'held', name: 'bme280', driver: 'bmp280', types: [], others: [] },
    ])
    expect(config).toContain('type: iio, name: bme280')
  })

  it('finds nobody on the bus where the chip is unplugged', async () => {
    unplug()
    expect((await look()).i2c).toMatchObject([{ bus: 1, probed: true, addresses: [] }])
  })
})

describe('the command', () => {
  it('tells a user outside of the groups which they are', async () => {
    const { code, output } = await runToEnd(['scan'], { user: 'nobody' })
    expect(code).toBe(0)
    for (const group of ['gpio', 'i2c'])
      expect(output).toMatch(new RegExp(`missing ${group}, for /dev/.*: sudo usermod -aG ${group} nobody`))
    expect(output).toMatch(/gpiochip0.*group gpio/)
    expect(output).toMatch(/bus 1.*needs the group i2c/)
  })

  it('gives a user in the groups a configuration whose sensors sensor-node read then reads', async () => {
    const { output: found } = await runToEnd(['scan'], { user: 'pi' })
    expect(found).toMatch(/\/dev\/gpiochip0 +pinctrl-bcm2711 +58 lines +the header/)
    expect(found).toMatch(/0x76 +answers; by its address type bme280/)
    const folder = mkdtempSync(join(tmpdir(), 'found-'))
    chmodSync(folder, 0o755)
    const file = join(folder, 'config.yaml')
    writeFileSync(file, found.slice(found.indexOf('\nsensors:')))
    const { code, output } = await runToEnd(['read', '--config', file], { user: 'pi' })
    expect(output).toMatch(/bme280 +bme280 +temperature +25\.0\d °C\n +pressure +1006\.\d+ hPa\n +humidity +43\.\d+ %/)
    expect(code).toBe(0)
  })
})
