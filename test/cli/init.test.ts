/** What `init` asks, and what it makes of the answers. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BOARD, type Draft, draftText, judge, pinAnswers, sensorLines } from '../../src/cli/init-draft.ts'
import { askAll, type Given } from '../../src/cli/init-questions.ts'
import { parseConfig } from '../../src/config/load.ts'

const START: Draft = {
  id: 'rpi001',
  url: 'mqtt://localhost:1883',
  username: undefined,
  passwordFile: undefined,
  outputs: [],
  inputs: [],
  sensors: BOARD,
  schema: './config.schema.json',
}

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sensor-node-init-'))
})
afterEach(() => rm(folder, { recursive: true }))

const env = () => ({ env: {}, hostname: 'rpi001', file: join(folder, 'config.yaml') })

/** Answers in order, and what was asked and told. A question too many fails. */
async function asked(answers: readonly string[], start: Draft = START, given: Given = {}, found: string[] = []) {
  const left = [...answers]
  const heard: string[] = []
  const person = {
    async ask(question: string): Promise<string> {
      heard.push(question)
      const answer = left.shift()
      if (answer === undefined) throw new Error(`nobody expected: ${question}`)
      return answer
    },
    tell: (line: string) => void heard.push(line),
  }
  const draft = await askAll(person, start, given, found, env())
  expect(left).toEqual([])
  return { draft, heard, told: heard.filter((line) => !line.endsWith(': ')) }
}

describe('the questions', () => {
  it('take nothing for the default, and leave out what was given as an option', async () => {
    const { draft, heard } = await asked([''], START, { id: 'rpi001', username: 'a', url: 'x', outputs: [] })
    expect(heard).toEqual([expect.stringContaining('Pins to read')])
    expect(draft).toEqual(START)
  })

  it('are asked again until the answer is one that the schema takes, and say why', async () => {
    const { draft, told } = await asked([
      'a b',
      '',
      'http://a',
      'mqtt://broker.example',
      '',
      '17=LED, 99',
      '17=LED',
      '',
    ])
    expect(draft).toMatchObject({ url: 'mqtt://broker.example', outputs: [{ pin: '17', name: 'LED' }] })
    expect(told).toEqual([
      expect.stringContaining('must be 1 to 64 letters, digits, _ or -'),
      expect.stringContaining('must begin with mqtt:// or mqtts://'),
      expect.stringContaining('must be the BCM number of a header pin, 0 to 27'),
    ])
  })

  it.each([
    ['a pin that is no number', ['', '', '', 'led', '', ''], 'must be the BCM number'],
    ['a pin that stands twice', ['', '', '', '17, 17', '', ''], 'pin 17 is used twice'],
    ['an input that is an output already', ['', '', '', '17', '17', ''], 'pin 17 is used twice'],
    ['a url with a password in it', ['', 'mqtt://a:b@c', '', '', '', ''], 'must carry no user name and password'],
    ['a variable that is not set', ['$' + '{NO}', '', '', '', '', ''], 'the environment variable NO is not set'],
  ])('refuse %s', async (_, answers, reason) => {
    const { told } = await asked(answers)
    expect(told).toEqual([expect.stringContaining(reason)])
  })

  it('want a password file that is there, and only where there is a user', async () => {
    await writeFile(join(folder, 'secret'), 'x\n', { mode: 0o600 })
    const { draft, told } = await asked(['', '', 'kitchen', 'nothing', 'secret', '', ''])
    expect(draft).toMatchObject({ username: 'kitchen', passwordFile: 'secret' })
    expect(told).toHaveLength(1)
    expect(told[0]).toContain('nothing')
  })

  it('show the sensors that were found, and leave them out on request', async () => {
    const found = ['  - { id: bme280, type: bme280, bus: 1, address: 0x76 }']
    const start = { ...START, sensors: [...found, ...BOARD] }
    const kept = await asked(['', '', '', 'y', '', ''], start, {}, found)
    expect(kept.draft.sensors).toEqual([...found, ...BOARD])
    expect(kept.heard).toContain(found[0])
    const left = await asked(['', '', '', 'perhaps', 'n', '', ''], start, {}, found)
    expect(left.draft.sensors).toEqual(BOARD)
  })
})

describe('the file', () => {
  it.each([
    ['nothing but defaults', {}],
    ['pins, with names that YAML would take for something else', { outputs: pinAnswers('17=on, 22=a "b": #c') }],
    ['inputs alone', { inputs: pinAnswers('GPIO27=Door') }],
    ['a broker elsewhere', { url: 'mqtts://broker.example:8883', username: 'true' }],
    ['an id of digits', { id: '12' }],
    ['an id that is a word of YAML', { id: 'null' }],
    ['no id', { id: undefined }],
  ])('loads without a warning: %s', (_, answers) => {
    const text = draftText({ ...START, ...answers })
    const { problems, warnings, config } = parseConfig(text, '/x/config.yaml', env())
    expect([...problems, ...warnings]).toEqual([])
    expect(config?.sensors).toMatchObject([{ type: 'system', id: 'board' }])
    expect(config?.node.id).toBe('id' in answers ? (answers.id ?? 'rpi001') : 'rpi001')
  })

  it('names what was answered', () => {
    const text = draftText({ ...START, outputs: pinAnswers('17=LED;22'), inputs: pinAnswers('27=Door'), id: 'a' })
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=./config.schema.json')
    expect(parseConfig(text, '/x/config.yaml', env()).config).toMatchObject({
      node: { id: 'a' },
      topics: { gpio: 'gpio' },
      gpio: { outputs: [{ pin: 17, name: 'LED' }, { pin: 22 }], inputs: [{ pin: 27, name: 'Door' }] },
    })
  })

  it('has parts to use that load when their "# " is deleted', () => {
    const used = draftText(START)
      .split('\n')
      .map((line) =>
        line.replace(/^( *)# (?=gpio:|outputs:|inputs:|- \{|topics:| {2}(gpio|outputs|inputs):| +- \{)/, '$1'),
      )
      .join('\n')
    const { problems, config } = parseConfig(used, '/x/config.yaml', env())
    expect(problems).toEqual([])
    expect(config).toMatchObject({ topics: { gpio: 'gpio/rpi001' }, gpio: { outputs: [{ pin: 17, name: 'LED' }] } })
  })

  it('gives each node pins of its own where the broker is not on this machine', () => {
    const gpio = (url: string) => parseConfig(draftText({ ...START, url }), '/x/c.yaml', env()).config?.topics.gpio
    expect(gpio('mqtt://broker.example')).toBe('gpio/rpi001')
    expect(gpio('mqtt://127.0.0.1')).toBe('gpio')
    expect(gpio('mqtt://[::1]:1884')).toBe('gpio')
  })

  it('is judged with the files that it names', async () => {
    const { problems } = await judge({ ...START, username: 'a', passwordFile: 'nothing' }, env())
    expect(problems).toMatchObject([{ path: 'mqtt.password_file' }])
  })
})

it('of what a scan proposes, the sensors are taken, and not the pins', () => {
  expect(sensorLines('sensors:\n  - a\n  # - b\n# What\n# gpio:')).toEqual(['  - a', '  # - b'])
  expect(sensorLines('sensors:\n  - a')).toEqual(['  - a'])
})
