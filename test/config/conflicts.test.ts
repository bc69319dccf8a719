// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how a configuration names a variable
import { describe, expect, it } from 'vitest'
import { told } from './told.ts'

const problemsOf = (text: string, env: Readonly<Record<string, string>> = {}) => told(text, env).problems

describe('a file that asks for nothing', () => {
  it.each([
    ['{}\n', '1:1'],
    ['node: { id: a }\n', '1:1'],
    ['# nothing yet\n\nsensors:\ngpio:\n  outputs: []\n', '3:1'],
    ['sensors: []\ngpio: { backend: mock }\n', '1:1'],
  ])('is an error: %j', (text, place) => {
    expect(problemsOf(text)).toEqual([
      `${place} : there is nothing to do: the file has neither sensors nor pins (add an entry to the list sensors, or to outputs or inputs below gpio)`,
    ])
  })

  it.each(['sensors: [{ type: system }]\n', 'gpio: { inputs: [{ pin: 1 }] }\n', 'gpio: { outputs: [{ pin: 1 }] }\n'])(
    'is not one with a single entry: %s',
    (text) => {
      expect(problemsOf(text)).toEqual([])
    },
  )

  it('is not meant where all entries are wrong', () => {
    for (const text of [
      'sensors: [{ type: x }]\n',
      'sensors: {}\n',
      'gpio: 5\n',
      'gpio: { inputs: x }\n',
      'sensor: [{ type: system }]\n',
    ]) {
      expect(problemsOf(text).join(), text).not.toContain('nothing to do')
    }
  })
})

describe('ids of sensors', () => {
  it('must differ, and each clash is told with the first place', () => {
    expect(
      problemsOf(
        'sensors:\n  - { id: a, type: system }\n  - { id: b, type: system }\n  - { type: bme280, id: "a" }\n  - { id: a, type: system }\n',
      ),
    ).toEqual([
      '4:25 sensors[2].id: "a" is the id of two sensors: this one, and sensors[0].id at 2:11 (ids must differ)',
      '5:11 sensors[3].id: a is the id of two sensors: this one, and sensors[0].id at 2:11 (ids must differ)',
    ])
  })

  it('may be absent at one sensor only', () => {
    expect(problemsOf('sensors:\n  - type: system\n  - { id: b, type: system }\n  - type: bme280\n')).toEqual([
      "4:5 sensors[2]: has no id, and neither has sensors[0] at 2:5: they would share the node's own topics (give all but one of them an id)",
    ])
  })

  it('are compared beside other faults of the same sensors', () => {
    const text =
      'sensors:\n  - { id: a, type: x }\n  - { id: a, type: dht11 }\n  - { id: a, type: system, foo: 1, interval: 1 }\n'
    expect(problemsOf(text).filter((line) => line.includes('two sensors'))).toHaveLength(2)
  })

  it('that are wrong are not compared, and a sensor with such a one is not without', () => {
    expect(
      problemsOf('sensors:\n  - { id: a b, type: system }\n  - { id: a b, type: system }\n  - { type: system }\n'),
    ).toHaveLength(2)
    expect(problemsOf('sensors:\n  - { id: "${GONE}", type: system }\n  - { type: system }\n')).toHaveLength(1)
  })

  it('may be the name of a quantity, and differ in case alone', () => {
    expect(
      problemsOf(
        'sensors:\n  - { type: bme280 }\n  - { id: temperature, type: system }\n  - { id: data, type: system }\n  - { id: Data, type: system }\n  - { id: status, type: system }\n',
      ),
    ).toEqual([])
  })
})

describe('pins', () => {
  it('have one use among outputs, inputs and sensors, told with both places', () => {
    const text = `sensors:
  - { id: a, type: dht11, pin: 4 }
  - { id: b, type: dht22, pin: 4 }
gpio:
  outputs:
    - pin: 17
    - pin: 4
    - pin: 0x11
  inputs:
    - pin: 17
    - pin: 5
`
    expect(problemsOf(text)).toEqual([
      '3:32 sensors[1].pin: pin 4 is used twice: here, and by sensors[0].pin at 2:32 (a pin has one use)',
      '7:12 gpio.outputs[1].pin: pin 4 is used twice: here, and by sensors[0].pin at 2:32 (a pin has one use)',
      '8:12 gpio.outputs[2].pin: pin 0x11 is used twice: here, and by gpio.outputs[0].pin at 6:12 (a pin has one use)',
      '10:12 gpio.inputs[0].pin: pin 17 is used twice: here, and by gpio.outputs[0].pin at 6:12 (a pin has one use)',
    ])
  })

  it('are told at the later place, whichever section comes first', () => {
    expect(problemsOf('gpio:\n  inputs: [{ pin: 4 }]\nsensors: [{ type: dht11, pin: 4 }]\n')).toEqual([
      '3:31 sensors[0].pin: pin 4 is used twice: here, and by gpio.inputs[0].pin at 2:19 (a pin has one use)',
    ])
  })

  it('are compared beside other faults of the same entries', () => {
    const text =
      'sensors: [{ type: dht11, pin: 4, id: a b, interval: 1 }]\ngpio:\n  outputs: [{ pin: 4, foo: 1, initial: 7 }]\n  inputs: [{ pin: 4, debounce: x }]\n'
    expect(problemsOf(text).filter((line) => line.includes('used twice'))).toHaveLength(2)
  })

  it('that are wrong are not compared', () => {
    expect(problemsOf('gpio:\n  outputs: [{ pin: 40 }, { pin: 40 }, { pin: x }, { pin: x }]\n')).toHaveLength(4)
  })

  it('from the environment are compared as numbers', () => {
    expect(problemsOf('gpio:\n  inputs:\n    - pin: ${P}\n    - pin: 22\n', { P: '22' })).toEqual([
      '4:12 gpio.inputs[1].pin: pin ${P} is used twice: here, and by gpio.inputs[0].pin at 3:12 (a pin has one use)',
    ])
  })

  it('are no numbers that only look like one of another option', () => {
    expect(problemsOf('sensors: [{ type: bme280, bus: 4 }]\ngpio: { inputs: [{ pin: 4 }] }\n')).toEqual([])
  })
})

describe('addresses of chips', () => {
  const chip = (type: string, id: string, rest = ''): string => `  - { type: ${type}, id: ${id}${rest} }\n`

  it('have one use, told with both places, also where they are defaults', () => {
    expect(problemsOf(`sensors:\n${chip('bme280', 'a')}${chip('bme280', 'b')}`)).toEqual([
      '3:5 sensors[1]: address 0x76 of bus 1 is used twice: here, and by sensors[0] at 2:5 (a chip is one sensor)',
    ])
    expect(problemsOf(`sensors:\n${chip('sht3x', 'a')}${chip('sht4x', 'b', ', address: 0x44')}`)).toEqual([
      expect.stringContaining('sensors[1].address: address 0x44 of bus 1 is used twice: here, and by sensors[0]'),
    ])
  })

  it('may be the same on two buses, and differ on one', () => {
    const text = `sensors:\n${chip('bme280', 'a')}${chip('bme280', 'b', ', bus: 3')}${chip('bme280', 'c', ', address: 0x77')}`
    expect(problemsOf(text)).toEqual([])
  })
})

describe('the pull of an input', () => {
  const file = (backend: string, input: string): string => `gpio:\n  backend: ${backend}\n  inputs: [{ ${input} }]\n`

  it('is an error with onoff, with both ways out', () => {
    expect(problemsOf(file('onoff', 'pin: 27, pull: up'))).toEqual([
      '3:29 gpio.inputs[0].pull: can’t be had with gpio.backend: onoff (write gpio=27=ip,pu into /boot/firmware/config.txt, reboot and remove pull, or set gpio.backend: chardev)',
    ])
  })

  it('is an error beside others of the same input', () => {
    const problems = problemsOf(file('onoff', 'pin: 99, pull: none'))
    expect(problems).toHaveLength(2)
    expect(problems[1]).toContain('gpio=N=ip,pn')
  })

  it.each(['chardev', 'mock', 'auto'])('is none with %s', (backend) => {
    expect(problemsOf(file(backend, 'pin: 27, pull: down'))).toEqual([])
  })

  it('that is wrong is told once', () => {
    expect(problemsOf(file('onoff', 'pin: 27, pull: UP'))).toEqual([
      '3:29 gpio.inputs[0].pull: must be up, down or none; it is UP (did you mean up?)',
    ])
  })

  it('of another pin than an input’s is told as unknown', () => {
    expect(problemsOf('gpio: { outputs: [{ pin: 1, pull: up }] }\n').join()).toContain('pull')
  })
})
