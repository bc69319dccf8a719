/** The outside of the guest's simulated hardware: what a finger, a scope or a loose wire is on a real board. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import type { Level } from '../../src/gpio/gpio.ts'

/** Presses and releases: has effect while the line is an input. `chip` is a name given to `gpioUp`. */
export function drive(line: number, level: Level, chip = 'pi'): void {
  writeFileSync(`${folder(line, chip)}/pull`, level === 1 ? 'pull-up' : 'pull-down')
}

/** The wire as the simulator has it, whoever drives it. */
export function wire(line: number, chip = 'pi'): Level {
  return readFileSync(`${folder(line, chip)}/value`, 'utf8').trim() === '1' ? 1 : 0
}

/** What a file of the simulated line is called, for those who look by themselves. */
export function folder(line: number, chip = 'pi'): string {
  return `/run/gpio-sim/${chip}/sim_gpio${line}`
}

/** Sets one of the BME280's knobs, which sim/i2c-bme280-sim.c describes. */
export function setBme280(knob: 'present' | 'fail_errno' | 'fail_count' | 'delay_ms', value: number): void {
  writeFileSync(`/run/bme280-sim/${knob}`, String(value))
}

/** Writes bytes into the chip, past its own rules; returns what undoes it. */
export function pokeBme280(register: number, bytes: readonly number[]): () => void {
  const file = '/run/bme280-sim/regs'
  const before = readFileSync(file)
  const patched = Buffer.from(before)
  for (const [index, byte] of bytes.entries()) patched[register + index] = byte
  writeFileSync(file, patched)
  return () => writeFileSync(file, before)
}

/** What the chip measures from now on: °C, %RH, hPa. */
export function weather(temperature: number, humidity: number, pressure: number): void {
  execFileSync('sim-bme280', [`temp=${temperature}`, `hum=${humidity}`, `press=${pressure}`])
}

/** The calibration's own example, which the machine boots with. */
export function defaultWeather(): void {
  weather(25.08, 43.81, 1006.53)
}

/** Which chip comes; by default that of the machine. `base` -1: the next number that is free. */
export interface Chip {
  readonly name: string
  readonly label: string
  readonly lines: number
  readonly base: number
}

const CONFIGFS = '/sys/kernel/config/gpio-sim'
const HEADER: Chip = { name: 'pi', label: 'pinctrl-bcm2711', lines: 58, base: -1 }

/** A GPIO chip comes, as by guest/sim-hardware, but without a dozen processes. */
export function gpioUp(options: Partial<Chip> = {}): void {
  const { name, label, lines, base } = { ...HEADER, ...options }
  const chip = `${CONFIGFS}/${name}`
  const read = (file: string): string => readFileSync(`${chip}/${file}`, 'utf8').trim()
  writeFileSync('/sys/module/gpio_sim/parameters/force_base', String(base))
  mkdirSync(chip)
  mkdirSync(`${chip}/bank0`)
  writeFileSync(`${chip}/bank0/label`, label)
  writeFileSync(`${chip}/bank0/num_lines`, String(lines))
  writeFileSync(`${chip}/live`, '1')
  symlinkSync(`/sys/devices/platform/${read('dev_name')}/${read('bank0/chip_name')}`, `/run/gpio-sim/${name}`)
}

/** A GPIO chip goes, whoever uses it. */
export function gpioDown(name = HEADER.name): void {
  const chip = `${CONFIGFS}/${name}`
  rmSync(`/run/gpio-sim/${name}`, { force: true })
  writeFileSync(`${chip}/live`, '0')
  rmdirSync(`${chip}/bank0`)
  rmdirSync(chip)
}

const UDEV = ['systemd-udevd-control.socket', 'systemd-udevd-kernel.socket', 'systemd-udevd.service']

/**
 * For tests that are root and export lines by the dozen: the rule of Raspberry Pi OS for a line's owner is a shell script
 * with several processes for each export, and root needs it not.
 */
export function stopUdev(): void {
  execFileSync('udevadm', ['settle'])
  execFileSync('systemctl', ['stop', ...UDEV], { stdio: 'pipe' })
}

/** Chips that came up meanwhile get their owner now. */
export function startUdev(): void {
  execFileSync('systemctl', ['start', ...UDEV], { stdio: 'pipe' })
  execFileSync('udevadm', ['trigger', '--action=add', '--subsystem-match=gpio'])
  execFileSync('udevadm', ['settle'])
}

/** Kernel numbers of the lines that are exported. */
export function exported(): number[] {
  return readdirSync('/sys/class/gpio')
    .flatMap((name) => /^gpio(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
}

/** Gives every line back to the simulator, as an input, and lets go of all buttons. */
export function resetLines(): void {
  for (const number of exported()) {
    // A line with an interrupt can't change its direction; one that was an output stays it when it is unexported.
    writeFileSync(`/sys/class/gpio/gpio${number}/edge`, 'none')
    writeFileSync(`/sys/class/gpio/gpio${number}/direction`, 'in')
    writeFileSync('/sys/class/gpio/unexport', String(number))
  }
  for (let line = 0; line < 28; line += 1) drive(line, 0)
}
