/** The JSON Schema that editors use: it is the schema's own, takes what the loader takes, and refuses what is wrong. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how the file writes a variable of the environment
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Ajv } from 'ajv'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { configJsonSchema } from '../../src/config/json-schema.ts'
import { parseConfig } from '../../src/config/load.ts'
import { sensorTypes } from '../../src/sensors/index.ts'

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url))
const read = (name: string): string => readFileSync(path(name), 'utf8')

const fresh = `${JSON.stringify(configJsonSchema(), undefined, 1)}\n`
if (process.env.SENSOR_NODE_WRITE === 'docs') writeFileSync(path('config.schema.json'), fresh)

// Not strict: editors have keywords of their own (markdownDescription, patternErrorMessage).
const check = new Ajv({ strict: false, allErrors: true }).compile(JSON.parse(read('config.schema.json')))

/** What the schema says against a text, as an editor sees it. */
function faults(yaml: string): string[] {
  check(parse(yaml, { schema: 'core' }))
  return (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
}

const ENV = { A: 'on', B: '17', C: '10', D: 'true', E: 'bme280', F: 'kitchen', G: '21.5' }

/** Whether the loader takes it. */
function loads(yaml: string): boolean {
  return parseConfig(yaml, '/x/config.yaml', { env: ENV, hostname: 'rpi001' }).problems.length === 0
}

describe('config.schema.json', () => {
  it('is what `npm run docs` makes of the schema', () => expect(read('config.schema.json')).toBe(fresh))

  it('is named by the first line of the shipped configuration', () => {
    expect(read('config.yaml').split('\n')[0]).toBe('# yaml-language-server: $schema=./config.schema.json')
  })

  it('takes the shipped configuration', () => expect(faults(read('config.yaml'))).toEqual([]))

  it('explains every key, and knows every type of sensor', () => {
    const schema = configJsonSchema()
    const silent: string[] = []
    const visit = (node: unknown, at: string): void => {
      if (typeof node !== 'object' || node === null) return
      if ('properties' in node && typeof node.properties === 'object' && node.properties !== null) {
        for (const [key, below] of Object.entries(node.properties)) {
          const told = 'description' in below || '$ref' in below || 'const' in below
          if (!told) silent.push(`${at}.${key}`)
        }
      }
      for (const [key, below] of Object.entries(node)) visit(below, `${at}/${key}`)
    }
    visit(schema, '')
    for (const [name, one] of Object.entries(schema.definitions ?? {})) {
      if (!('description' in one)) silent.push(`.${name}`)
    }
    expect(silent.filter((one) => !one.endsWith('.type'))).toEqual([])
    for (const name of Object.keys(sensorTypes)) expect(JSON.stringify(schema)).toContain(`"const":"${name}"`)
  })
})

const LED = 'gpio: { outputs: [{ pin: 17 }] }'

describe('what the loader takes, the schema for editors takes', () => {
  it.each([
    ['nothing after the keys of sections and lists', `mqtt:\nsensors:\ntopics:\nrules:\n${LED}`],
    ['true and false for a section', `home_assistant: true\nremote: false\n${LED}`],
    ['an empty section for Home Assistant', `home_assistant:\n${LED}`],
    ['requests by name', `remote: { actions: [ping] }\n${LED}`],
    ['booleans for levels', 'gpio: { outputs: [{ pin: 17, initial: true, on_exit: false }] }'],
    ['one action without a list', `rules: [{ when: { pin: 17, becomes: on }, then: { alert: a } }]\n${LED}`],
    ['several actions', `rules: [{ when: { pin: 17, becomes: on }, then: [{ alert: a }, { alert: b }] }]\n${LED}`],
    ['hexadecimal addresses', 'sensors: [{ type: bme280, address: 0x77 }]'],
    ['blanks around a duration', "sensors: [{ type: bme280, interval: ' 10s ' }]"],
    ['sizes', `outbox: { max_bytes: 64 MB }\n${LED}`],
    ['a level from the environment', 'gpio: { outputs: [{ pin: 17, initial: "${A}" }] }'],
    ['a pin from the environment', 'gpio:\n  outputs:\n    - pin: ${B}\n      active_low: ${D}'],
    ['a part of a duration from the environment', 'sensors: [{ type: bme280, interval: "${C}s" }]'],
    ['a kind of sensor from the environment', 'sensors:\n  - type: ${E}\n    address: 0x77'],
    ['an id from the environment', `node: { id: "\${F}", name: "the \${F}" }\n${LED}`],
    [
      'a metric’s number from the environment',
      'sensors:\n  - type: bme280\n    metrics:\n      temperature:\n        max: ${G}',
    ],
    ['a switch from the environment', `home_assistant: \${D}\nremote: \${D}\n${LED}`],
    ['an enum from the environment', 'gpio:\n  backend: ${H}\n  outputs: [{ pin: 17 }]'.replace('${H}', 'mock')],
  ])('%s', (_, yaml) => {
    expect(faults(yaml)).toEqual([])
    expect(loads(yaml)).toBe(true)
  })
})

describe('what is wrong, both refuse', () => {
  it.each([
    ['an unknown key at the top', `sensor: []\n${LED}`],
    ['an unknown key of a section', `mqtt: { urll: mqtt://a }\n${LED}`],
    ['an unknown key of a sensor', 'sensors: [{ type: bme280, adress: 0x76 }]'],
    ['an option of another type of sensor', 'sensors: [{ type: bme280, pin: 4 }]'],
    ['an unknown type of sensor', 'sensors: [{ type: bme281 }]'],
    ['a sensor without a type', 'sensors: [{ id: attic }]'],
    ['a quantity that the sensor does not measure', 'sensors: [{ type: dht11, pin: 4, metrics: { pressure: {} } }]'],
    ['text for a pin', 'gpio: { outputs: [{ pin: led }] }'],
    ['a pin that the header has not', 'gpio: { outputs: [{ pin: 28 }] }'],
    ['a fraction for a pin', 'gpio: { outputs: [{ pin: 1.5 }] }'],
    ['an output without a pin', 'gpio: { outputs: [{ name: LED }] }'],
    ['a duration without its unit', 'sensors: [{ type: bme280, interval: 10 }]'],
    ['a duration in words', 'sensors: [{ type: bme280, interval: ten seconds }]'],
    ['a size without its unit', `outbox: { max_bytes: 64 }\n${LED}`],
    ['a level that there is not', 'gpio: { outputs: [{ pin: 17, initial: yes }] }'],
    ['toggle as a level', 'gpio: { outputs: [{ pin: 17, initial: toggle }] }'],
    ['a backend that there is not', 'gpio: { backend: pigpio, outputs: [{ pin: 17 }] }'],
    ['a protocol that there is not', `mqtt: { protocol: 3 }\n${LED}`],
    ['an id with a blank', `node: { id: my node }\n${LED}`],
    ['a number for text', `node: { id: 5 }\n${LED}`],
    ['text for a switch', `home_assistant: yes\n${LED}`],
    ['a section where a list belongs', 'gpio: { outputs: { pin: 17 } }'],
    ['a list where a section belongs', 'gpio: [17]'],
    ['an action that there is not', `rules: [{ when: { pin: 17, becomes: on }, then: { alarm: a } }]\n${LED}`],
    ['a rule without then', `rules: [{ when: { pin: 17, becomes: on } }]\n${LED}`],
    ['a request that there is not', `remote: { actions: [reboot] }\n${LED}`],
    ['a reference without a name', 'gpio: { outputs: [{ pin: "${}" }] }'],
    ['text around a reference for a number', 'gpio: { outputs: [{ pin: "1${B}" }] }'],
  ])('%s', (_, yaml) => {
    expect(faults(yaml)).not.toEqual([])
    expect(loads(yaml)).toBe(false)
  })
})
