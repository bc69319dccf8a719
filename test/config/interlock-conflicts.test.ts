import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/load.ts'
import { told } from './told.ts'

const file = (...outputs: string[]): string =>
  `gpio:\n  outputs:\n${outputs.map((one) => `    - { ${one} }\n`).join('')}`
const problemsOf = (...outputs: string[]) => told(file(...outputs)).problems
const UP = 'pin: 23, interlock: motor'
const DOWN = 'pin: 24, interlock: motor'

describe('an interlock', () => {
  it.each(['initial: on', 'on_exit: true', 'on_disconnect: { state: on }'])(
    'is no place for two that are told to be on at once: %s',
    (key) => {
      const [problem, ...more] = problemsOf(`${UP}, ${key}`, `${DOWN}, ${key}`, 'pin: 25, interlock: motor')
      expect(more).toEqual([])
      expect(problem).toMatch(
        /^4:\d+ gpio\.outputs\[1\]\.\S+: must not be on twice in one interlock: here, and at gpio\.outputs\[0\]\.\S+ at 3:\d+ \(never two of them are on at once\)$/,
      )
      expect(problemsOf(`${UP}, ${key}`, DOWN)).toEqual([])
      expect(problemsOf(`${UP}, ${key}`, `pin: 24, interlock: other, ${key}`, 'pin: 25, interlock: other')).toEqual([])
      expect(problemsOf(`pin: 23, ${key}`, `pin: 24, ${key}`)).toEqual([])
    },
  )

  it('may have different moments for different pins', () => {
    expect(problemsOf(`${UP}, initial: on`, `${DOWN}, on_exit: on`)).toEqual([])
  })

  it('is needed beside its pause', () => {
    expect(problemsOf('pin: 23, interlock_pause: 1s', DOWN, 'pin: 25, interlock: motor')).toEqual([
      '3:35 gpio.outputs[0].interlock_pause: needs interlock beside it',
    ])
  })

  it('that only one output has is warned about', () => {
    expect(told(file(UP, 'pin: 24, interlock: moter')).warnings).toEqual([
      '3:29 gpio.outputs[0].interlock: no other output has this interlock: it keeps nothing apart (give the outputs that exclude each other one name)',
      '4:29 gpio.outputs[1].interlock: no other output has this interlock: it keeps nothing apart (give the outputs that exclude each other one name)',
    ])
    expect(told(file(UP, DOWN)).warnings).toEqual([])
  })

  it.each(['5ms', '2m', '0s'])('has a pause that a relay can do with: not %s', (pause) => {
    expect(problemsOf(`${UP}, interlock_pause: ${pause}`, DOWN).join()).toContain('must be from 10ms')
  })
})

describe('min_interval', () => {
  it('is not longer than max_on, and not 0', () => {
    expect(problemsOf('pin: 17, min_interval: 11s, max_on: 10s')).toEqual([
      '3:32 gpio.outputs[0].min_interval: must not be longer than max_on; it is 11s, and gpio.outputs[0].max_on at 3:45 is 10s',
    ])
    expect(problemsOf('pin: 17, min_interval: 10s, max_on: 10s')).toEqual([])
    expect(problemsOf('pin: 17, min_interval: 0s')).toHaveLength(1)
  })
})

describe('the history of the board in memory', () => {
  it('is found from the folder of the configuration', () => {
    const text = 'gpio: { backend: mock, mock_history: board.jsonl, outputs: [{ pin: 17 }] }\n'
    const { config } = parseConfig(text, '/etc/sensor-node/config.yaml', { env: {}, hostname: 'pi' })
    expect(config?.gpio.mock_history).toBe('/etc/sensor-node/board.jsonl')
  })
})
