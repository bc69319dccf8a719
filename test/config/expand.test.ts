// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how a configuration names a variable
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/load.ts'
import { told } from './told.ts'

const ENV = {
  NAME: 'LED',
  NUMBER: '22',
  HEX: '0x16',
  YES: 'true',
  OFF: 'off',
  EMPTY: '',
  LEAD: '007',
  NEST: '${NAME}',
  SECRET: 'hunter2',
}

const load = (text: string) => {
  const { config, problems } = parseConfig(text, '/x/config.yaml', { env: ENV, hostname: 'rpi' })
  expect(problems).toEqual([])
  return config
}

const output = (rest: string) => load(`gpio:\n  outputs:\n    - pin: 17\n${rest}`)?.gpio.outputs[0]

describe('${NAME}', () => {
  it('is replaced in plain and quoted text, alone and inside', () => {
    expect(output('      name: ${NAME}\n')?.name).toBe('LED')
    expect(output("      name: '${NAME}'\n")?.name).toBe('LED')
    expect(output('      name: "a ${NAME} and ${NUMBER}"\n')?.name).toBe('a LED and 22')
  })

  it('may be empty', () => {
    expect(output('      name: x${EMPTY}\n')?.name).toBe('x')
    expect(load('mqtt:\n  username: joe\n  password: ${EMPTY}\nsensors: [{ type: system }]\n')?.mqtt.password).toBe('')
  })

  it('is not replaced a second time', () => {
    expect(output('      name: ${NEST}\n')?.name).toBe('${NAME}')
  })

  it('stands for itself after a second $', () => {
    expect(output('      name: $${NAME}\n')?.name).toBe('${NAME}')
    expect(output('      name: $${NAME}-${NAME}\n')?.name).toBe('${NAME}-LED')
    expect(output('      name: $NAME $ {NAME}\n')?.name).toBe('$NAME $ {NAME}')
  })

  it('is a number or a boolean where one is wanted, when it stands alone without quotes', () => {
    expect(load('gpio:\n  outputs:\n    - pin: ${NUMBER}\n')?.gpio.outputs[0]?.pin).toBe(22)
    expect(load('gpio:\n  outputs:\n    - pin: ${HEX}\n')?.gpio.outputs[0]?.pin).toBe(22)
    expect(output('      active_low: ${YES}\n')?.active_low).toBe(true)
    expect(output('      initial: ${YES}\n')?.initial).toBe('on')
    expect(output('      initial: ${OFF}\n')?.initial).toBe('off')
  })

  it('stays text where text is wanted, whatever it looks like', () => {
    expect(output('      name: ${NUMBER}\n')?.name).toBe('22')
    expect(load('node:\n  id: ${LEAD}\nsensors: [{ type: system }]\n')?.node.id).toBe('007')
    expect(load('mqtt:\n  username: joe\n  password: ${NUMBER}\nsensors: [{ type: system }]\n')?.mqtt.password).toBe(
      '22',
    )
  })

  it('is text in quotes, and where it is a part of a value', () => {
    const { problems } = told("gpio:\n  outputs:\n    - pin: '${NUMBER}'\n    - pin: 1${EMPTY}\n", ENV)
    expect(problems).toEqual([
      "3:12 gpio.outputs[0].pin: must be the BCM number of a header pin, 0 to 27; it is '${NUMBER}' (write it without quotes, on a line of its own)",
      '4:12 gpio.outputs[1].pin: must be the BCM number of a header pin, 0 to 27; it is 1${EMPTY}',
    ])
  })

  it('is not replaced in keys', () => {
    expect(told('"${NAME}": 1\nsensors: [{ type: system }]\n', ENV).problems[0]).toContain(
      '1:1 ["${NAME}"]: unknown key',
    )
  })

  it('is an error at its place where the variable is not set, all of them', () => {
    const { problems } = told('mqtt:\n  username: ${WHO}\n  client_id: a-${ONE}-${TWO}\nsensors: [{ type: system }]\n')
    expect(problems).toEqual([
      '2:13 mqtt.username: the environment variable WHO is not set (give sensor-node the variable, in a unit with Environment=WHO=…)',
      '3:14 mqtt.client_id: the environment variable ONE is not set (give sensor-node the variable, in a unit with Environment=ONE=…)',
      '3:14 mqtt.client_id: the environment variable TWO is not set (give sensor-node the variable, in a unit with Environment=TWO=…)',
    ])
  })

  it('does not take what every object has for a variable', () => {
    expect(told('node:\n  id: ${constructor}\nsensors: [{ type: system }]\n').problems[0]).toContain(
      'constructor is not set',
    )
  })

  it('gets the advice to write {node} where that was meant', () => {
    expect(told('topics:\n  gpio: gpio/${node}\nsensors: [{ type: system }]\n').problems[0]).toContain(
      'write {node} for the id of the node',
    )
  })

  it.each(['${A-b}', '${A:-x}', '${}', '${1A}', '${A', 'x${'])('is an error where it is not written so: %s', (text) => {
    const { problems } = told(`node:\n  id: "${text}"\nsensors: [{ type: system }]\n`, { A: 'x' })
    expect(problems).toEqual([
      '2:7 node.id: after ${ must come the name of an environment variable (letters, digits and _) and } (write $${ for a ${ that stands for itself)',
    ])
  })

  it('does not hide other errors of the same section', () => {
    expect(told('gpio:\n  outputs:\n    - pin: ${GONE}\n      name: 5\n').problems).toHaveLength(2)
  })
})

describe('text from the environment', () => {
  it('is never shown, wherever it stands and whatever is wrong with it', () => {
    const ref = '"${SECRET}"'
    const text = `
node: { id: ${ref} }
mqtt: { url: ${ref}, username: ${ref}, password: ${ref}, client_id: ${ref}, protocol: ${ref}, keepalive: ${ref}, tls: { ca: ${ref}, cert: ${ref} } }
sensors:
  - { type: ${ref}, id: ${ref}, interval: ${ref} }
  - { type: bme280, id: ${ref}, address: ${ref}, bus: ${ref}, timeout: ${ref} }
  - { type: simulated, id: hunter2, metrics: { temperature: { shape: ${ref}, min: ${ref}, period: ${ref} }, "\${SECRET}": 1 } }
  - { type: dht11, pin: ${ref}, metrics: ${ref} }
  - ${ref}
gpio:
  backend: ${ref}
  outputs:
    - { pin: ${ref}, name: ${ref}, initial: ${ref}, active_low: ${ref}, max_on: ${ref}, on_disconnect: ${ref} }
  inputs: ${ref}
topics: { sensors: ${ref}, devices: ${ref}, gpio: "${'${SECRET}'}/#", alerts: "hunter2" }
outbox: ${ref}
`
    const { problems, warnings } = told(text, ENV)
    expect(problems.length).toBeGreaterThan(20)
    expect([...problems, ...warnings].join('\n')).not.toContain('hunter2')
  })

  it('is not shown by a guess at what was meant', () => {
    const { problems } = told('gpio:\n  backend: ${WORD}\n  outputs: [{ pin: 1 }]\n', { WORD: 'onof' })
    expect(problems).toEqual(['2:12 gpio.backend: must be auto, onoff, chardev or mock; it is ${WORD}'])
  })

  it('is not shown where two parts share it', () => {
    const { problems } = told(
      'node: { id: "${S}" }\nsensors:\n  - { type: system, id: "${S}" }\n  - { type: system, id: hunter2 }\ntopics: { sensors: x, devices: "x/hunter2" }\n',
      { S: 'hunter2' },
    )
    expect(problems).toHaveLength(2)
    expect(problems.join()).not.toContain('hunter2')
  })
})
