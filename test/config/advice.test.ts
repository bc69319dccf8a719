// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how a configuration names a variable
import { describe, expect, it } from 'vitest'
import { isLoopback } from '../../src/config/clear-text.ts'
import { told } from './told.ts'

const warningsOf = (text: string, env: Readonly<Record<string, string>> = {}) => told(text, env).warnings
const SENSOR = 'sensors: [{ type: system }]\n'
const PINS = 'gpio: { outputs: [{ pin: 17 }] }\n'
const GPIO =
  'the prefix of the pins does not name the node: nodes that share this broker obey each other’s commands (write topics.gpio: "gpio/{node}")'

describe('the address of a broker', () => {
  it.each([
    'mqtt://localhost',
    'mqtt://LOCALHOST:1883',
    'mqtt://127.0.0.1',
    'mqtt://127.9.9.9:1',
    'mqtt://[::1]:1883',
    'mqtts://[::ffff:127.0.0.1]',
    'mqtt://ip6-localhost',
    'mqtt://a.localhost',
  ])('%s is on this machine', (url) => expect(isLoopback(url)).toBe(true))
  it.each([
    'mqtt://broker',
    'mqtt://192.168.1.5',
    'mqtt://128.0.0.1',
    'mqtt://[fe80::1]',
    'mqtt://localhost.example.org',
    'mqtt://127.0.0.1.example.org',
    'mqtt://0.0.0.0',
  ])('%s is elsewhere', (url) => expect(isLoopback(url)).toBe(false))
})

describe('a warning about the prefix of the pins', () => {
  it('is given where a broker elsewhere may serve several nodes', () => {
    expect(warningsOf(`mqtt: { url: "mqtts://broker" }\n${PINS}`)).toEqual([`1:14 mqtt.url: ${GPIO}`])
    expect(warningsOf(`mqtt: { url: "mqtts://broker" }\n${PINS}topics: { gpio: pins }\n`)).toEqual([
      `3:17 topics.gpio: ${GPIO}`,
    ])
  })

  it.each([
    PINS,
    `mqtt: { url: "mqtts://127.0.0.1" }\n${PINS}`,
    `mqtt: { url: "mqtts://broker" }\n${PINS}topics: { gpio: "gpio/{node}" }\n`,
    `mqtt: { url: "mqtts://broker" }\n${PINS}topics: { gpio: gpio/rpi001 }\n`,
    `mqtt: { url: "mqtts://broker" }\n${SENSOR}`,
  ])('is not given where no other node can be meant: %j', (text) => expect(warningsOf(text)).toEqual([]))
})

describe('a warning about a password', () => {
  it('is given where it stands in the file, and does not show it', () => {
    for (const password of ['hunter2', "'hunter2'", '$${hunter2}']) {
      const warnings = warningsOf(`mqtt:\n  username: joe\n  password: ${password}\n${SENSOR}`)
      expect(warnings).toEqual([
        '3:13 mqtt.password: the password stands in the file, for everybody who may read or copy it (use password_file, or ${NAME} from the environment)',
      ])
    }
  })

  it('is not given where it comes from the environment', () => {
    expect(warningsOf(`mqtt:\n  username: joe\n  password: \${P}\n${SENSOR}`, { P: 'hunter2' })).toEqual([])
  })

  it.each(['password: ${P}', 'password_file: /etc/pw'])(
    'is given where %s goes to another machine in clear text',
    (line) => {
      expect(
        warningsOf(`mqtt:\n  url: mqtt://broker\n  username: joe\n  ${line}\n${SENSOR}`, { P: 'hunter2' }),
      ).toEqual([
        '2:8 mqtt.url: the password goes over the network in clear text, to a broker on another machine (use mqtts://)',
      ])
    },
  )

  it('is not given over TLS, to this machine, or without one', () => {
    for (const line of ['url: mqtts://broker', 'url: mqtt://localhost', 'url: mqtt://127.0.0.1']) {
      expect(warningsOf(`mqtt:\n  ${line}\n  username: joe\n  password: \${P}\n${SENSOR}`, { P: 'x' })).toEqual([])
    }
    expect(warningsOf(`mqtt:\n  url: mqtt://broker\n  username: joe\n${SENSOR}`)).toEqual([])
  })
})

describe('a warning about a pull', () => {
  const file = (backend: string, pull: string): string =>
    `gpio:\n  backend: ${backend}\n  inputs: [{ pin: 27${pull} }]\n`

  it('is given where auto may stand for a backend that sets none', () => {
    expect(warningsOf(file('auto', ', pull: up'))).toEqual([
      '3:29 gpio.inputs[0].pull: the pin can’t be opened where gpio.backend: auto takes onoff, which sets no pulls (write gpio=27=ip,pu into /boot/firmware/config.txt, reboot and remove pull, or set gpio.backend: chardev)',
    ])
    expect(warningsOf('gpio: { inputs: [{ pin: 27, pull: up }] }\n')).toHaveLength(1)
  })

  it('is not given elsewhere', () => {
    for (const backend of ['chardev', 'mock', 'onoff']) expect(warningsOf(file(backend, ', pull: up'))).toEqual([])
    expect(warningsOf(file('auto', ''))).toEqual([])
  })
})
