/** What a scan has found, as text for a person: sections of aligned columns, and the configuration at the end. */

import type { I2cAddress, I2cBus } from '../scan/i2c.ts'
import type { ScanReport } from '../scan/scan.ts'
import { listed } from '../sensors/iio.ts'
import { table } from './table.ts'

export function scanText(report: ScanReport): string {
  const { machine, failed } = report
  const head = [machine.model ?? machine.host, machine.os, `Linux ${machine.kernel}`].filter((one) => one !== undefined)
  return [
    head.join(', '),
    section('GPIO', gpioLines(report)),
    section('Pins of buses and overlays', ownerLines(report)),
    section('I2C', i2cLines(report)),
    section('Read by the kernel', kernelLines(report)),
    section('Groups', accessLines(report)),
    ...(report.missing.length === 0 ? [] : [section('Missing', missingLines(report))]),
    ...(failed.length === 0 ? [] : [section('Could not be looked at', failed)]),
    ...(report.anything ? [] : [NOTHING]),
    `A configuration for it; sensor-node read shows what each sensor gives:\n\n${report.config}`,
  ].join('\n\n')
}

const NOTHING = `Nothing here that sensor-node could read or switch, but the machine itself.
  On a Raspberry Pi: wire a sensor, enable its bus (sudo raspi-config nonint do_i2c 0), and scan again.
  Elsewhere: sensor-node run --simulate runs any configuration without hardware, sensor-node demo shows one.`

function section(title: string, lines: readonly string[]): string {
  return [title, ...lines.map((line) => `  ${line}`)].join('\n')
}

function rows(all: readonly (readonly string[])[]): string[] {
  return all.length === 0 ? [] : table(all).split('\n')
}

function gpioLines({ gpio: { chips, problems } }: ScanReport): string[] {
  const lines = chips.map(({ name, label, lines, header }) => [
    name,
    label,
    `${lines} lines`,
    header ? 'the header' : '',
  ])
  const held = chips.flatMap(({ name, header, held }) =>
    held.map(({ line, direction, holder }) => [
      header ? `GPIO${line}` : `${name} ${line}`,
      { in: 'input', out: 'output', unknown: '' }[direction],
      holder === undefined ? 'held by a driver without a name' : `held by "${holder}"`,
    ]),
  )
  return [...(chips.length === 0 ? ['no chip'] : rows(lines)), ...rows(held), ...problems]
}

function ownerLines({ overlays: { owners, boot } }: ScanReport): string[] {
  const lines = owners.map(({ name, pins, setting, source }) => [
    pins.map((pin) => `GPIO${pin}`).join(' '),
    name,
    setting ?? '',
    source === 'kernel' ? '' : 'by config.txt; the kernel shows no device tree',
  ])
  const asked = boot === undefined ? [] : [...boot.overlays.map(({ text }) => text)]
  const from = boot !== undefined && asked.length > 0 ? [`${boot.file} has: ${asked.join('  ')}`] : []
  return [...(owners.length === 0 ? ['none'] : rows(lines)), ...from]
}

function i2cLines({ i2c, quick }: ScanReport): string[] {
  if (i2c.length === 0) return ['no bus']
  const unseen = 'an SHT3x, SHT4x, HTU21D or Si7021 shows itself only with scan --quick'
  return [...i2c.flatMap(busLines), ...(!quick && i2c.some(({ probed }) => probed) ? [unseen] : [])]
}

function busLines({ bus, name, probed, problem, addresses }: I2cBus): string[] {
  const title = `bus ${bus}${name === '' ? '' : ` (${name})`}`
  const known = addresses.map((one) => [`  ${hex(one.address)}`, what(one)])
  const nobody = probed && problem === undefined && addresses.length === 0 ? ['  nobody answers'] : []
  return [problem === undefined ? title : `${title}: ${problem}`, ...rows(known), ...nobody]
}

function what({ state, name, driver, types, others }: I2cAddress): string {
  if (state === 'held') {
    const who = driver === undefined ? 'a driver of the kernel' : `the kernel’s driver ${driver}`
    return `held by ${who}${name === undefined || name === '' ? '' : ` (${name})`}; not touched`
  }
  const told = name === undefined || name === '' ? '' : `the kernel calls it ${name}; `
  const maybe = [...types.map((type) => `type ${type}`), ...others].join(', or ')
  return `answers; ${told}${maybe === '' ? 'no guess' : `by its address ${maybe}`}`
}

function kernelLines({ iio, w1 }: ScanReport): string[] {
  const devices = iio.map((device) => [
    'IIO',
    listed([{ folder: '', aliases: [], ...device }]),
    device.quantities.length > 0
      ? device.quantities.join(', ')
      : `nothing known: ${device.channels.join(', ') || 'no channels'}`,
  ])
  const wires = w1.devices.map(({ id, thermometer }) => ['1-Wire', id, thermometer ? 'temperature' : 'no thermometer'])
  const empty = w1.masters.length > 0 && w1.devices.length === 0 ? ['1-Wire: nobody answers'] : []
  const all = [...rows([...devices, ...wires]), ...empty]
  return all.length === 0 ? ['nothing'] : all
}

function accessLines({ access: { user, groups, missing } }: ScanReport): string[] {
  const lines = missing.map(({ group, files, remedy }) =>
    group === undefined ? `${files.join(' ')}: ${remedy}` : `missing ${group}, for ${files.join(' ')}: ${remedy}`,
  )
  return [`${user} is in ${groups.join(' ')}`, ...lines]
}

function missingLines({ missing }: ScanReport): string[] {
  return missing.map(({ purpose, what, remedy }) => `${what} (for ${purpose}): ${remedy}`)
}

function hex(address: number): string {
  return `0x${address.toString(16).padStart(2, '0')}`
}
