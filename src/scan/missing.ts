/** What keeps sensor-node from more than it finds: packages, interfaces of the kernel, a reboot. Called by `scan.ts`. */
import { messageOf } from '../errors.ts'
import type { Load } from '../optional.ts'
import type { Overlays } from '../overlays.ts'
import type { W1Findings } from './devices.ts'
import type { GpioChip } from './gpio.ts'
import type { I2cBus } from './i2c.ts'

export interface Missing {
  /** What can't be done without it. */
  readonly purpose: string
  /** What is missing. */
  readonly what: string
  readonly remedy: string
}

export interface Found {
  readonly chips: readonly GpioChip[]
  readonly buses: readonly I2cBus[]
  readonly w1: W1Findings
  readonly overlays: Overlays
  /** Of the device tree or the firmware: tells a Pi from other machines. */
  readonly model: string | undefined
}

/** Optional packages, and what each is for. koffi is loaded elsewhere: where it can't run, it would end the process. */
const PACKAGES: readonly (readonly [name: string, purpose: string])[] = [
  ['onoff', 'pins by sysfs'],
  ['epoll', 'inputs by the character device'],
  ['i2c-bus', 'sensors on I2C'],
  ['bme280-sensor', 'type bme280 without the kernel’s driver'],
  ['node-dht-sensor', 'types dht11 and dht22 without the kernel’s driver'],
]

const CONFIG = '/boot/firmware/config.txt'

export function findMissing(load: Load, found: Found): Missing[] {
  return [...packages(load), ...interfaces(found), ...untilReboot(found)]
}

function packages(load: Load): Missing[] {
  return PACKAGES.flatMap(([name, purpose]) => {
    try {
      load(name)
      return []
    } catch (error) {
      const [what = '', ...remedy] = messageOf(error).split('; ')
      return [{ purpose, what, remedy: remedy.join('; ') }]
    }
  })
}

/** On machines that could have them. */
function interfaces({ chips, buses, w1, overlays, model }: Found): Missing[] {
  if (model?.startsWith('Raspberry Pi') !== true) return []
  const missing: Missing[] = []
  if (!chips.some(({ header }) => header)) {
    const remedy = 'see what dmesg says of pinctrl; in a container, pass /dev/gpiochip* to it'
    missing.push({ purpose: 'pins', what: 'the GPIO chip of the header', remedy })
  }
  if (!buses.some(({ bus }) => bus === 1)) {
    const remedy = `sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on in ${CONFIG} and a reboot`
    missing.push({ purpose: 'sensors on I2C', what: '/dev/i2c-1', remedy })
  }
  if (w1.masters.length === 0 && !overlays.owners.some(({ kind }) => kind === 'w1')) {
    const remedy = `dtoverlay=w1-gpio in ${CONFIG} and a reboot`
    missing.push({ purpose: 'DS18B20 thermometers', what: '1-Wire', remedy })
  } else if (!w1.devices.some(({ thermometer }) => thermometer)) {
    const remedy = 'check wiring, 4.7 kΩ from data to 3V3, and the pin of the overlay'
    missing.push({ purpose: 'DS18B20 thermometers', what: 'a thermometer that answers on 1-Wire', remedy })
  }
  return missing
}

/** Overlays that config.txt asks for, and the running kernel does not show. */
function untilReboot({ overlays: { owners, boot } }: Found): Missing[] {
  const wanted = (boot?.overlays ?? []).flatMap(({ name, text }) => {
    if (name.startsWith('w1-gpio')) return [{ kind: 'w1', text }]
    return name === 'dht11' ? [{ kind: 'dht', text }] : []
  })
  const params = boot?.params ?? {}
  if ([params.i2c_arm, params.i2c, params.i2c1].includes('on')) wanted.push({ kind: 'i2c', text: 'dtparam=i2c_arm=on' })
  if (params.spi === 'on') wanted.push({ kind: 'spi', text: 'dtparam=spi=on' })
  return wanted
    .filter(({ kind }) => !owners.some((owner) => owner.kind === kind))
    .map(({ text }) => ({
      purpose: `what ${boot?.file} asks for`,
      what: `${text}: the running kernel does not show it`,
      remedy: 'reboot; if it stays so, look for dterror in sudo vclog --msg',
    }))
}
