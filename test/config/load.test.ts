import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig, loadWithoutBroker, parseConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/errors.ts'
import { asOrdinaryUser } from './ordinary-user.ts'

let folder: string
let file: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sensor-node-load-'))
  file = join(folder, 'config.yaml')
})
afterEach(() => rm(folder, { recursive: true }))

const ENV = { env: {}, hostname: 'rpi001.lan' }

async function failure(path: string): Promise<ConfigError> {
  const error = await loadConfig(path, ENV).catch((thrown: unknown) => thrown)
  if (!(error instanceof ConfigError)) throw new Error(`expected a ConfigError, got ${String(error)}`)
  return error
}

describe('a file that can not be read', () => {
  it('is an error at 1:1 that says what to do, where it is absent', async () => {
    const error = await failure(file)
    expect(error.message).toBe(`${file}:1:1: does not exist (correct the path, or copy the shipped config.yaml there)`)
    expect(error.file).toBe(file)
    expect((await failure(join(file, 'x'))).message).toContain(':1:1: does not exist')
  })

  it('is an error, where it is a folder', async () => {
    expect((await failure(folder)).message).toBe(
      `${folder}:1:1: is a folder (name the file in it, such as config.yaml)`,
    )
  })

  it('is an error, where this user may not read it', async () => {
    await writeFile(file, 'sensors: [{ type: system }]\n', { mode: 0o000 })
    await asOrdinaryUser(async () => {
      expect((await failure(file)).message).toContain(':1:1: may not be read by this user (make the user')
    })
  })

  it('is an error, where the disk does not give it', async () => {
    expect((await failure('/proc/self/mem')).message).toContain('/proc/self/mem:1:1: can not be read (EIO)')
  })

  it.each([
    ['Latin-1', new Uint8Array([...Buffer.from('node: { id: k'), 0xfc, ...Buffer.from('che }\n')])],
    ['UTF-16', Buffer.from('\uFEFFnode: { id: a }\n', 'utf16le')],
  ])('is an error, where it is %s', async (_, bytes) => {
    await writeFile(file, bytes)
    expect((await failure(file)).message).toBe(
      `${file}:1:1: is not text in UTF-8 (save it again with the encoding UTF-8)`,
    )
  })

  it('is an error, where it is empty', async () => {
    await writeFile(file, '')
    expect((await failure(file)).message).toContain(`${file}:1:1: is empty (begin with`)
  })
})

describe('a file that is good', () => {
  it('is read with a byte order mark, which moves no column', async () => {
    await writeFile(file, '\uFEFFsensors: [{ type: system, foo: 1 }]\n')
    expect((await failure(file)).problems).toMatchObject([{ line: 1, column: 27 }])
  })

  it('is never written', async () => {
    const text = 'sensors: [{ type: system }]   # as it was\n'
    await writeFile(file, text, { mode: 0o400 })
    await loadConfig(file, ENV)
    expect(await readFile(file, 'utf8')).toBe(text)
  })

  it('yields a configuration with all defaults', async () => {
    await writeFile(
      file,
      'sensors: [{ type: bme280 }, { type: dht11, id: attic, pin: 4 }]\ngpio: { outputs: [{ pin: 17 }], inputs: [{ pin: 27 }] }\n',
    )
    expect(await loadConfig(file, ENV)).toEqual({
      file,
      root: expect.objectContaining({ kind: 'map' }),
      warnings: [],
      config: {
        node: { id: 'rpi001' },
        mqtt: { url: 'mqtt://localhost:1883', protocol: 5, keepalive: 30_000, client_id: 'sensor-node-rpi001' },
        sensors: [
          { type: 'bme280', bus: 1, address: 0x76, driver: 'auto', interval: 10_000, metrics: {} },
          { type: 'dht11', id: 'attic', pin: 4, driver: 'auto', interval: 30_000, metrics: {} },
        ],
        gpio: {
          backend: 'auto',
          outputs: [{ pin: 17, active_low: false, initial: 'off', on_exit: 'off', interlock_pause: 500 }],
          inputs: [{ pin: 27, active_low: false, mode: 'state', debounce: 20 }],
        },
        topics: { sensors: 'sensors/rpi001', devices: 'devices/rpi001', gpio: 'gpio', alerts: 'alerts/rpi001' },
        outbox: { max_records: 1_000_000, max_bytes: 256_000_000, sync: 1000 },
        rules: [],
      },
    })
  })

  it('takes true and false for on and off', async () => {
    await writeFile(
      file,
      'gpio: { outputs: [{ pin: 1, initial: true, on_exit: false, on_disconnect: { state: true } }] }\n',
    )
    expect((await loadConfig(file, ENV)).config.gpio.outputs[0]).toMatchObject({
      initial: 'on',
      on_exit: 'off',
      on_disconnect: { state: 'on', after: 60_000 },
    })
  })
})

describe('the id of the node', () => {
  const idFor = (hostname: string, text = '') =>
    parseConfig(`${text}sensors: [{ type: system }]\n`, file, { env: {}, hostname }).config

  it.each([
    ['rpi001', 'rpi001'],
    ['rpi001.example.org', 'rpi001'],
    ['Küche 1', 'K-che-1'],
    ['a_b-C', 'a_b-C'],
    ['😀x', '-x'],
    ['', 'sensor-node'],
    ['.lan', 'sensor-node'],
    ['x'.repeat(70), 'x'.repeat(64)],
  ])('is, for the host name %j, %s', (hostname, id) => {
    expect(idFor(hostname)).toMatchObject({
      node: { id },
      mqtt: { client_id: `sensor-node-${id}` },
      topics: { sensors: `sensors/${id}` },
    })
  })

  it('is the one in the file before that, in every prefix', () => {
    const topics =
      'topics: { sensors: "{node}/{node}/s", devices: "x/{node}", gpio: "gpio/{node}", alerts: "{node}" }\n'
    expect(idFor('host', `node: { id: kitchen }\n${topics}`)).toMatchObject({
      node: { id: 'kitchen' },
      mqtt: { client_id: 'sensor-node-kitchen' },
      topics: { sensors: 'kitchen/kitchen/s', devices: 'x/kitchen', gpio: 'gpio/kitchen', alerts: 'kitchen' },
    })
  })

  it('leaves a client id alone that the file gives', () => {
    expect(idFor('host', 'mqtt: { client_id: mine }\n')?.mqtt.client_id).toBe('mine')
  })
})

describe('the example of a whole installation', () => {
  const EXAMPLE = `node: { id: rpi001 }
mqtt:
  url: mqtt://localhost:1883          # mqtts:// with tls: { ca, cert, key, servername }
  username: rpi001
  password_file: mqtt-password
  # client_id: sensor-node-rpi001   protocol: 5   keepalive: 30s
sensors:
  - type: bme280                      # no id: the node's own, sensors/rpi001/temperature …
    bus: 1
    address: 0x76
    interval: 10s
    metrics: { temperature: { offset: -0.4, digits: 1 } }
  - { id: attic, type: dht11, pin: 4, interval: 30s }
  - { id: board, type: system, interval: 1m }
  - { id: trial, type: simulated, interval: 1s, fail_every: 20, metrics: { temperature: { shape: sine, min: 20, max: 30, period: 1m, digits: 2 } } }
gpio:
  backend: auto                       # mock for a board in memory
  outputs:
    - { pin: 17, name: LED }
    - { pin: 22, name: Pump, active_low: true, initial: off, on_exit: off, max_on: 10m, on_disconnect: { state: off, after: 60s } }
  inputs:
    - { pin: 27, name: Door, debounce: 20ms }
topics: { sensors: "sensors/{node}", devices: "devices/{node}", gpio: gpio, alerts: "alerts/{node}" }   # the defaults
outbox: { max_records: 5000 }
`

  it('loads without an error or a warning', async () => {
    await mkdir(join(folder, 'etc'))
    await writeFile(join(folder, 'etc', 'mqtt-password'), 'x\n', { mode: 0o600 })
    await writeFile(join(folder, 'etc', 'config.yaml'), EXAMPLE)
    const { config, warnings } = await loadConfig(join(folder, 'etc', 'config.yaml'), ENV)
    expect(warnings).toEqual([])
    expect(config.sensors.map(({ type, id, interval }) => [type, id, interval])).toEqual([
      ['bme280', undefined, 10_000],
      ['dht11', 'attic', 30_000],
      ['system', 'board', 60_000],
      ['simulated', 'trial', 1000],
    ])
    expect(config.sensors[3]).toMatchObject({
      fail_every: 20,
      metrics: { temperature: { shape: 'sine', period: 60_000, digits: 2 } },
    })
    expect(config.gpio.outputs[1]).toMatchObject({ max_on: 600_000, on_disconnect: { state: 'off', after: 60_000 } })
  })
})

describe('a configuration without a broker', () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how the file writes it
  const BROKER = 'mqtt: { url: "ftp://x", username: u, password: "${NOPE}", colour: red }\n'

  it('loads, whatever is wrong below mqtt', async () => {
    await writeFile(file, `${BROKER}sensors: [{ type: system }]\n`)
    expect((await loadWithoutBroker(file, ENV)).config.sensors).toMatchObject([{ type: 'system' }])
    await writeFile(file, 'mqtt: { username: u, password_file: /nope }\nsensors: [{ type: system }]\n')
    expect((await loadWithoutBroker(file, ENV)).warnings).toEqual([])
    await writeFile(file, 'mqtt: 5\nsensors: [{ type: system }]\n')
    expect((await loadWithoutBroker(file, ENV)).config.sensors).toHaveLength(1)
  })

  it('is refused for what is wrong elsewhere, and for that alone', async () => {
    await writeFile(file, `${BROKER}sensors: [{ type: sistem }]\n`)
    const error = await loadWithoutBroker(file, ENV).catch((thrown: unknown) => thrown)
    if (!(error instanceof ConfigError)) throw new Error(`expected a ConfigError, got ${String(error)}`)
    expect(error.problems.map(({ path }) => path)).toEqual(['sensors[0].type'])
  })
})
