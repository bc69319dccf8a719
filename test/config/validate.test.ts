// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how a configuration names a variable
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/load.ts'
import { alternatives } from '../../src/config/suggest.ts'
import { type ConfigNode, entry, items } from '../../src/config/tree.ts'
import { sensorTypes } from '../../src/sensors/index.ts'
import { told } from './told.ts'

const problemsOf = (text: string, env: Readonly<Record<string, string>> = {}) => told(text, env).problems
const PIN = 'must be the BCM number of a header pin, 0 to 27'
const TYPE = `must be ${alternatives(Object.keys(sensorTypes))}`
const DURATION = 'must be a duration with its unit, such as 500ms, 10s, 5m, 2h or 7d'

/** One output with the given lines below its pin: the first of them is line 4 and begins at column 7. */
const output = (lines: string) => `gpio:\n  outputs:\n    - pin: 17\n      ${lines}\n`
/** One sensor likewise: line 3, column 5. */
const sensor = (lines: string, type = 'simulated') => `sensors:\n  - type: ${type}\n    ${lines}\n`
const mqtt = (lines: string) => `sensors: [{ type: system }]\nmqtt:\n  ${lines}\n`

describe('a value that is wrong', () => {
  it.each([
    [output('name: 10'), "4:13 gpio.outputs[0].name: must be text; it is the number 10 (put it in quotes: '10')"],
    [output("name: ''"), "4:13 gpio.outputs[0].name: must not be empty; it is the text ''"],
    [output('name:'), '4:7 gpio.outputs[0].name: must be text; it is empty'],
    [output('name: [a]'), '4:7 gpio.outputs[0].name: must be text; it is a list'],
    [
      output('active_low: "true"'),
      '4:19 gpio.outputs[0].active_low: must be true or false; it is the text "true" (remove the quotes)',
    ],
    [
      output('active_low: yes'),
      '4:19 gpio.outputs[0].active_low: must be true or false; it is yes (did you mean true?)',
    ],
    [
      output('active_low: 1'),
      '4:19 gpio.outputs[0].active_low: must be true or false; it is the number 1 (did you mean true?)',
    ],
    [
      output('initial: kep'),
      '4:16 gpio.outputs[0].initial: must be off, on, keep or last; it is kep (did you mean keep?)',
    ],
    [
      output('initial: Off'),
      '4:16 gpio.outputs[0].initial: must be off, on, keep or last; it is Off (did you mean off?)',
    ],
    [output('on_exit: last'), '4:16 gpio.outputs[0].on_exit: must be off, on or keep; it is last'],
    [output('on_exit: no'), '4:16 gpio.outputs[0].on_exit: must be off, on or keep; it is no (did you mean off?)'],
    [output('max_on: 10'), `4:15 gpio.outputs[0].max_on: ${DURATION}; it is the number 10 (did you mean 10s?)`],
    [
      output("max_on: '10'"),
      `4:15 gpio.outputs[0].max_on: ${DURATION}, and at most 3650d; it is the text '10' (did you mean 10s?)`,
    ],
    [
      output('max_on: 10 minutes'),
      `4:15 gpio.outputs[0].max_on: ${DURATION}, and at most 3650d; it is 10 minutes (did you mean 10m?)`,
    ],
    [
      output('max_on: 10S'),
      `4:15 gpio.outputs[0].max_on: ${DURATION}, and at most 3650d; it is 10S (did you mean 10s?)`,
    ],
    [output('max_on: 0s'), '4:15 gpio.outputs[0].max_on: must be longer than 0; it is 0s'],
    [output('max_on: soon'), `4:15 gpio.outputs[0].max_on: ${DURATION}, and at most 3650d; it is soon`],
    [
      output('on_disconnect: off'),
      '4:22 gpio.outputs[0].on_disconnect: must be a section with keys of its own; it is off',
    ],
    [output('on_disconnect: { state: aus }'), '4:31 gpio.outputs[0].on_disconnect.state: must be on or off; it is aus'],
    ["gpio:\n  inputs:\n    - pin: '27'\n", `3:12 gpio.inputs[0].pin: ${PIN}; it is the text '27' (remove the quotes)`],
    ['gpio:\n  inputs:\n    - pin: 28\n', `3:12 gpio.inputs[0].pin: ${PIN}; it is the number 28`],
    ['gpio:\n  inputs:\n    - pin: -1\n', `3:12 gpio.inputs[0].pin: ${PIN}; it is the number -1`],
    ['gpio:\n  inputs:\n    - pin: 2.5\n', `3:12 gpio.inputs[0].pin: ${PIN}; it is the number 2.5`],
    ['gpio:\n  inputs: { pin: 27 }\n', '2:3 gpio.inputs: must be a list, each entry after "- "; it is a section'],
    ['gpio:\n  inputs:\n    - 27\n', '3:7 gpio.inputs[0]: must be a section with keys of its own; it is the number 27'],
    [
      'gpio:\n  backend: onof\n  inputs: [{ pin: 1 }]\n',
      '2:12 gpio.backend: must be auto, onoff, chardev or mock; it is onof (did you mean onoff?)',
    ],
    ['sensors: [{ type: system }]\nmqtt: []\n', '2:1 mqtt: must be a section with keys of its own; it is a list'],
    [sensor('interval: 10'), `3:15 sensors[0].interval: ${DURATION}; it is the number 10 (did you mean 10s?)`],
    [
      sensor('interval: 1s', 'bme280').replace('1s', '500ms'),
      '3:15 sensors[0].interval: must be at least 1s for type bme280; it is 500ms',
    ],
    [
      sensor('id: "my sensor"'),
      '3:9 sensors[0].id: must be 1 to 64 letters, digits, _ or -; it is the text "my sensor" (did you mean my-sensor?)',
    ],
    [sensor('id: 7'), "3:9 sensors[0].id: must be text; it is the number 7 (put it in quotes: '7')"],
    [
      sensor('address: "0x76"', 'bme280'),
      '3:14 sensors[0].address: must be 0x76 or 0x77, without quotes; it is the text "0x76" (remove the quotes)',
    ],
    [
      sensor('address: 0x70', 'bme280'),
      '3:14 sensors[0].address: must be 0x76 or 0x77, without quotes; it is the number 0x70',
    ],
    [sensor('fail_every: 0'), '3:17 sensors[0].fail_every: must be at least 1; it is the number 0'],
    [
      sensor('metrics: { temperature: { shape: sinus } }'),
      '3:38 sensors[0].metrics.temperature.shape: must be constant, ramp, sine, step, random or counter; it is sinus (did you mean sine?)',
    ],
    [
      sensor("metrics: { temperature: { digits: '1' } }"),
      "3:39 sensors[0].metrics.temperature.digits: must be a whole number; it is the text '1' (remove the quotes)",
    ],
    [
      sensor('metrics: { temperature: { digits: 11 } }'),
      '3:39 sensors[0].metrics.temperature.digits: must be at most 10; it is the number 11',
    ],
    [
      sensor('metrics: { temperature: { offset: .inf } }'),
      '3:39 sensors[0].metrics.temperature.offset: must be a number; it is the number .inf',
    ],
    [
      mqtt('url: localhost'),
      '3:8 mqtt.url: must be the address of a broker, such as mqtt://localhost:1883; it is localhost (did you mean mqtt://localhost?)',
    ],
    [
      mqtt('url: ssl://broker:8883'),
      '3:8 mqtt.url: must begin with mqtt:// or mqtts://; it is ssl://broker:8883 (did you mean mqtts://broker:8883?)',
    ],
    [
      mqtt('url: mqtt://broker:70000'),
      '3:8 mqtt.url: must be the address of a broker, such as mqtt://localhost:1883; it is mqtt://broker:70000',
    ],
    [mqtt('url: mqtt://broker/path'), '3:8 mqtt.url: must end after host and port; it is mqtt://broker/path'],
    [
      mqtt("protocol: '5'"),
      "3:13 mqtt.protocol: must be 5 (MQTT 5) or 4 (MQTT 3.1.1); it is the text '5' (remove the quotes)",
    ],
    [mqtt('keepalive: 1500ms'), '3:14 mqtt.keepalive: must be whole seconds from 1s to 65535s; it is 1500ms'],
    [
      'sensors: [{ type: system }]\ntopics: { gpio: gpio/# }\n',
      '2:17 topics.gpio: must contain none of the wildcards + and #; it is gpio/#',
    ],
    [
      'sensors: [{ type: system }]\ntopics: { gpio: /gpio }\n',
      '2:17 topics.gpio: must not begin or end with / or contain an empty level; it is /gpio',
    ],
    [
      'sensors: [{ type: system }]\ntopics: { gpio: "{nod}/x" }\n',
      '2:17 topics.gpio: must contain no placeholder but {node}; it is the text "{nod}/x"',
    ],
    [
      'sensors: [{ type: system }]\noutbox: { max_records: 0 }\n',
      '2:24 outbox.max_records: must be at least 1; it is the number 0',
    ],
  ])('is told with place, reason, value and advice: %j', (text, expected) => {
    expect(problemsOf(text)).toEqual([expected])
  })

  it('is shortened where it is long, and put on one line', () => {
    const [problem = ''] = problemsOf(output(`name: "${'x'.repeat(50)}\n       ${'y'.repeat(50)}"`))
    expect(problem).toContain('must have at most 64 characters')
    expect(problem.length).toBeLessThan(150)
    expect(problem).not.toContain('\n')
  })

  it('does not show the credentials of an address', () => {
    const [problem = ''] = problemsOf(mqtt('url: mqtt://joe:hun/t@er2@broker'))
    expect(problem).toContain('3:8 mqtt.url: ')
    expect(problem).not.toMatch(/joe|hun|er2/)
  })

  it.each([
    'password: 12345',
    'password: [12345]',
    'password: { a: 12345 }',
    'password: true',
    'passwd: 12345',
    'pasword: 12345',
  ])('is not shown where it is a password: %s', (line) => {
    const problems = problemsOf(mqtt(`username: joe\n  ${line}`))
    expect(problems[0]).toMatch(/^4:\d+ mqtt\.pas/)
    expect(problems.join()).not.toMatch(/12345|it is true/)
  })
})

describe('an unknown key', () => {
  it.each([
    ['nods: { id: a }\nsensors: [{ type: system }]\n', '1:1 nods: unknown key (did you mean node?)'],
    [mqtt('usrname: joe'), '3:3 mqtt.usrname: unknown key (did you mean username?)'],
    [
      mqtt('host: broker'),
      '3:3 mqtt.host: unknown key (valid here: url, username, password, password_file, client_id, protocol, keepalive and tls)',
    ],
    [output('activeLow: true'), '4:7 gpio.outputs[0].activeLow: unknown key (did you mean active_low?)'],
    [
      output('on_disconnect: { state: off, aftr: 5s }'),
      '4:36 gpio.outputs[0].on_disconnect.aftr: unknown key (did you mean after?)',
    ],
    [sensor('failevery: 2'), '3:5 sensors[0].failevery: unknown key (did you mean fail_every?)'],
    [
      sensor('metrics: { temperature: { ofset: 1 } }'),
      '3:31 sensors[0].metrics.temperature.ofset: unknown key (did you mean offset?)',
    ],
    [
      sensor('metrics: { temperature: { mix: 1 } }'),
      '3:31 sensors[0].metrics.temperature.mix: unknown key (did you mean min or max?)',
    ],
    [
      sensor('__proto__: 1', 'system'),
      '3:5 sensors[0].__proto__: unknown key (valid here: type, id, name, interval, timeout, metrics, disk, interface and throttled)',
    ],
  ])('is told at the key, with the nearest of those that are valid there: %j', (text, expected) => {
    expect(problemsOf(text)).toEqual([expected])
  })

  it('among the metrics is told as a quantity, with what this sensor measures', () => {
    const text =
      'sensors:\n  - type: dht11\n    pin: 4\n    metrics:\n      temprature: { digits: 1 }\n      pressure: { digits: 1 }\n      wind: {}\n'
    expect(problemsOf(text)).toEqual([
      '5:7 sensors[0].metrics.temprature: unknown quantity: this sensor measures temperature and humidity (did you mean temperature?)',
      '6:7 sensors[0].metrics.pressure: this sensor does not measure it: it measures temperature and humidity',
      '7:7 sensors[0].metrics.wind: unknown quantity: this sensor measures temperature and humidity',
    ])
  })

  it('beside the right one is not taken for it', () => {
    expect(problemsOf('sensors:\n  - { type: dht11, pin: 4, pni: 40 }\ngpio: { inputs: [{ pin: 4 }] }\n')).toEqual([
      '2:28 sensors[0].pni: unknown key (did you mean pin?)',
      '3:25 gpio.inputs[0].pin: pin 4 is used twice: here, and by sensors[0].pin at 2:25 (a pin has one use)',
    ])
  })

  it('with a slip in it is taken for what was meant: the value is checked, and nothing is missing', () => {
    expect(problemsOf('gpio:\n  outputs:\n    - pni: 40\n')).toEqual([
      '3:7 gpio.outputs[0].pni: unknown key (did you mean pin?)',
      `3:12 gpio.outputs[0].pni: ${PIN}; it is the number 40`,
    ])
    expect(problemsOf('sensor:\n  - typ: system\n    idd: a b\n')).toEqual([
      '1:1 sensor: unknown key (did you mean sensors?)',
      '2:5 sensor[0].typ: unknown key (did you mean type?)',
      '3:5 sensor[0].idd: unknown key (did you mean id?)',
      '3:10 sensor[0].idd: must be 1 to 64 letters, digits, _ or -; it is a b (did you mean a-b?)',
    ])
    expect(problemsOf(mqtt('usrname: joe\n  password: ${P}'), { P: 'x' })).toEqual([
      '3:3 mqtt.usrname: unknown key (did you mean username?)',
    ])
  })
})

describe('a key that is missing', () => {
  it.each([
    ['gpio:\n  outputs:\n    - name: LED\n', `3:7 gpio.outputs[0]: lacks pin, which ${PIN}`],
    ['gpio:\n  outputs: [{ pin: 1 }, {}]\n', `2:25 gpio.outputs[1]: lacks pin, which ${PIN}`],
    ['gpio:\n  outputs:\n    - pin: 1\n    -\n', `4:6 gpio.outputs[1]: lacks pin, which ${PIN}`],
    [output('on_disconnect: { after: 5s }'), '4:7 gpio.outputs[0].on_disconnect: lacks state, which must be on or off'],
    [
      output('on_disconnect:\n        after: 5s'),
      '4:7 gpio.outputs[0].on_disconnect: lacks state, which must be on or off',
    ],
    [output('on_disconnect:'), '4:7 gpio.outputs[0].on_disconnect: lacks state, which must be on or off'],
    ['sensors:\n  - { type: dht11 }\n', `2:5 sensors[0]: lacks pin, which ${PIN}`],
    ['sensors:\n  - id: attic\n', `2:5 sensors[0]: lacks type, which ${TYPE}`],
  ])('is told at its section: %j', (text, expected) => {
    expect(problemsOf(text)).toEqual([expected])
  })
})

describe('a sensor of unknown type', () => {
  it('is told with the nearest type, and checked as that', () => {
    expect(problemsOf('sensors:\n  - type: dth11\n    pin: 40\n    interval: 1s\n    bus: 1\n')).toEqual([
      `2:11 sensors[0].type: ${TYPE}; it is dth11 (did you mean dht11?)`,
      `3:10 sensors[0].pin: ${PIN}; it is the number 40`,
      '4:15 sensors[0].interval: must be at least 3s for type dht11; it is 1s',
      '5:5 sensors[0].bus: unknown key (valid here: type, id, name, interval, timeout, metrics, pin and driver)',
    ])
  })

  it('is checked in what every sensor has, where no type is near', () => {
    expect(problemsOf('sensors:\n  - type: thermometer\n    id: a b\n    interval: 5\n    timeout: 0s\n')).toEqual([
      `2:11 sensors[0].type: ${TYPE}; it is thermometer`,
      '3:9 sensors[0].id: must be 1 to 64 letters, digits, _ or -; it is a b (did you mean a-b?)',
      `4:15 sensors[0].interval: ${DURATION}; it is the number 5 (did you mean 5s?)`,
      '5:14 sensors[0].timeout: must be longer than 0; it is 0s',
    ])
  })

  it.each(['type: [dht11]', 'type: 11', 'type:', 'type: ""'])('may be no word at all: %s', (line) => {
    expect(problemsOf(`sensors:\n  - id: a\n    ${line}\n`)).toMatchObject([
      expect.stringMatching(/^3:\d+ sensors\[0\]\.type: must be \w+, /),
    ])
  })
})

describe('keys that contradict each other', () => {
  it.each([
    [mqtt('tls: { ca: x }'), '3:3 mqtt.tls: needs a url that begins with mqtts://'],
    [
      mqtt('url: mqtt://a\n  tls: { ca: x }'),
      '4:3 mqtt.tls: needs a url that begins with mqtts://; mqtt.url at 3:8 is mqtt://a',
    ],
    [mqtt('url: mqtts://a\n  tls: { cert: x }'), '4:16 mqtt.tls.cert: needs key beside it'],
    [mqtt('url: mqtts://a\n  tls: { key: x }'), '4:15 mqtt.tls.key: needs cert beside it'],
    [mqtt('password: ${P}'), '3:13 mqtt.password: needs username beside it'],
    [mqtt('password_file: x'), '3:18 mqtt.password_file: needs username beside it'],
    [
      mqtt('username: a\n  password: ${P}\n  password_file: x'),
      '4:13 mqtt.password: must not stand beside password_file: remove one of them; mqtt.password_file at 5:18 is x',
    ],
    [
      sensor('metrics: { temperature: { min: 5, max: 3 } }'),
      '3:36 sensors[0].metrics.temperature.min: must not be above max; it is 5, and sensors[0].metrics.temperature.max at 3:44 is 3',
    ],
    [
      sensor('metrics: { temperature: { heartbeat: 1m } }'),
      '3:42 sensors[0].metrics.temperature.heartbeat: needs change beside it',
    ],
    [
      output('initial: on\n      max_on: 5m'),
      '4:16 gpio.outputs[0].initial: must not be on where max_on limits how long it may be; it is on, and gpio.outputs[0].max_on at 5:15 is 5m',
    ],
    [
      output('on_exit: true\n      max_on: 5m'),
      '4:16 gpio.outputs[0].on_exit: must not be on where max_on limits how long it may be; it is true, and gpio.outputs[0].max_on at 5:15 is 5m',
    ],
  ])('are told with both places: %j', (text, expected) => {
    expect(problemsOf(text, { P: 'x' }).map((line) => line.replace(/ \(.*\)$/, ''))).toEqual([expected])
  })

  it('are not told where the one is wrong itself', () => {
    expect(problemsOf(sensor('metrics: { temperature: { change: -1, heartbeat: 1m } }'))).toHaveLength(1)
    expect(problemsOf(sensor('metrics: { temperature: { change: x, heartbeat: 1m } }'))).toHaveLength(1)
    expect(problemsOf(mqtt('url: http://a\n  tls: { ca: x }'))).toHaveLength(1)
    expect(problemsOf(mqtt('url: 5\n  tls: { ca: x }'))).toHaveLength(1)
    expect(problemsOf(mqtt('username: 5\n  password: ${P}'), { P: 'x' })).toHaveLength(1)
  })

  it('are told beside other faults of the same section', () => {
    expect(problemsOf(sensor('metrics: { temperature: { min: 5, max: 3, digits: x, foo: 1 } }'))).toHaveLength(3)
  })
})

describe('an empty section', () => {
  it.each([
    'sensors:\ngpio:\n  outputs:\n    - pin: 1\n  inputs:\ntopics:\nnode:\nmqtt:\n  tls:\n  url: mqtts://a\noutbox:\n',
    sensor('metrics:'),
    sensor('metrics: { temperature: }'),
  ])('is a section without keys, as when all below it is commented out: %j', (text) =>
    expect(problemsOf(text)).toEqual([]),
  )
})

describe('everything wrong at once', () => {
  const TEXT = `node: { id: my node }
mqtt:
  url: localhost:1883
  usrname: joe
  keepalive: 30
  password: \${GONE}
sensors:
  - { type: bme280, address: 0x70 }
  - { type: bme280, interval: 10 }
  - id: attic
    type: dth11
    pin: 17
  - { id: attic, type: system, metrics: { pressure: {} } }
  - { id: oven, type: thermocouple, timeout: 0s }
gpio:
  backend: none
  outputs:
    - { pin: 17, nam: LED }
    - { name: Fan }
    - { pin: 22, initial: yes, max_on: 10 }
  inputs:
    - { pin: '27' }
    - { pin: 22, debounce: 2m }
topics:
  sensors: home/{node}
  devices: home/{node}
  gpio: "gpio/+"
outbox: { max_records: many }
typo: 1
`

  it('is told all at once, in the order of the file', () => {
    expect(problemsOf(TEXT).map((line) => line.split(': ')[0])).toEqual([
      '1:13 node.id',
      '3:8 mqtt.url',
      '4:3 mqtt.usrname',
      '5:14 mqtt.keepalive',
      '6:13 mqtt.password',
      '8:30 sensors[0].address',
      '9:5 sensors[1]',
      '9:31 sensors[1].interval',
      '11:11 sensors[2].type',
      '13:11 sensors[3].id',
      '13:43 sensors[3].metrics.pressure',
      '14:23 sensors[4].type',
      '14:46 sensors[4].timeout',
      '16:12 gpio.backend',
      '18:14 gpio.outputs[0].pin',
      '18:18 gpio.outputs[0].nam',
      '19:7 gpio.outputs[1]',
      '20:27 gpio.outputs[2].initial',
      '20:40 gpio.outputs[2].max_on',
      '22:14 gpio.inputs[0].pin',
      '23:14 gpio.inputs[1].pin',
      '23:28 gpio.inputs[1].debounce',
      '26:12 topics.devices',
      '27:9 topics.gpio',
      '28:24 outbox.max_records',
      '29:1 typo',
    ])
  })
})

const FULL = `node: { id: rpi001 }
mqtt:
  url: mqtts://localhost:8883
  username: rpi001
  password_file: /etc/sensor-node/mqtt-password
  client_id: sensor-node-rpi001
  protocol: 5
  keepalive: 30s
  tls: { ca: ca.crt, cert: a.crt, key: a.key, servername: broker }
sensors:
  - type: bme280
    bus: 1
    address: 0x76
    interval: 10s
    timeout: 3s
    metrics:
      temperature: { offset: -0.4, digits: 1, min: -20, max: 60, median: 3, scale: 1.01, change: 0.2, heartbeat: 5m }
      humidity: { digits: 0 }
      pressure: { digits: 1 }
  - { id: attic, type: dht11, pin: 4, interval: 30s }
  - { id: board, type: system, disk: /, interface: wlan0, throttled: false }
  - id: trial
    type: simulated
    fail_every: 20
    hang_every: 30
    spike_every: 40
    metrics:
      temperature: { shape: sine, min: 20, max: 30, period: 1m }
      count: { shape: counter }
      rate: { shape: constant, value: 5 }
gpio:
  backend: auto
  outputs:
    - pin: 22
      name: Pump
      active_low: true
      initial: off
      on_exit: off
      max_on: 10m
      on_disconnect: { state: off, after: 60s }
  inputs:
    - { pin: 27, name: Door, active_low: false, debounce: 20ms }
topics: { sensors: "s/{node}", devices: "d/{node}", gpio: "gpio/{node}", alerts: "a/{node}" }
outbox: { max_records: 100 }
`

describe('a slip in any key of a full configuration', () => {
  const { root, problems } = parseConfig(FULL, '/x/config.yaml', { env: {}, hostname: 'x' })
  const lines = FULL.split('\n')
  const keys = root === undefined ? [] : keysOf(root)

  it('starts from a file without any problem', () => {
    expect(problems).toEqual([])
    expect(keys.length).toBeGreaterThan(70)
  })

  it.each(['doubled', 'dropped', 'changed', 'swapped'] as const)(
    'is told at that key, with the right key: a letter %s',
    (slip) => {
      for (const { name, place } of keys) {
        const wrong = slips(name)[slip]
        // A slip can yield another valid key; those of one or two letters leave too little to recognise.
        if (keys.some((key) => key.name === wrong) || wrong.length < 2 || wrong === name) continue
        const text = lines.map((line, index) =>
          index + 1 === place.line
            ? line.slice(0, place.column - 1) + wrong + line.slice(place.column - 1 + name.length)
            : line,
        )
        const here = problemsOf(text.join('\n')).filter((problem) =>
          problem.startsWith(`${place.line}:${place.column} `),
        )
        expect(here, `${name} as ${wrong}`).toMatchObject([
          expect.stringMatching(new RegExp(`unknown .*did you mean .*\\b${name}\\b`)),
        ])
      }
    },
  )
})

function slips(name: string): Record<'doubled' | 'dropped' | 'changed' | 'swapped', string> {
  const [head, tail] = [name.slice(0, -2), name.slice(-2)]
  return {
    doubled: name + name.slice(-1),
    dropped: name.length > 3 ? name.slice(0, -1) : name,
    changed: `${name.slice(0, -1)}q`,
    swapped: head + [...tail].reverse().join(''),
  }
}

function keysOf(node: ConfigNode): { name: string; place: { line: number; column: number } }[] {
  if (node.kind === 'scalar') return []
  if (node.kind === 'list') return items(node).flatMap(keysOf)
  return [...node.entries.keys()].flatMap((name) => {
    const child = entry(node, name)
    return child?.key === undefined ? [] : [{ name, place: child.key }, ...keysOf(child)]
  })
}
