/** `sensor-node plan` as a person calls it. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { runToEnd } from './fakes/agent-process.ts'

const RUNNING = `
node: { id: n1 }
mqtt: { url: 'mqtt://localhost', username: u, password_file: secret }
sensors:
  - { type: simulated, interval: 1s }
  - { id: attic, type: simulated, interval: 2s, metrics: { temperature: { offset: -0.4 } } }
  - { id: cellar, type: simulated }
gpio: { backend: mock, outputs: [{ pin: 17, name: LED }] }
`

let folder: string
let running: string
let other: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sensor-node-plan-'))
  await mkdir(join(folder, 'etc'))
  await writeFile(join(folder, 'etc/secret'), 'the-secret\n', { mode: 0o600 })
  running = join(folder, 'etc/config.yaml')
  other = join(folder, 'new.yaml')
  await writeFile(running, RUNNING)
})
afterEach(() => rm(folder, { recursive: true }))

const plan = async (text: string, ...flags: string[]) => {
  await writeFile(other, text)
  return await runToEnd(['plan', other, '--config', running, ...flags], {
    env: { URL_OF_BROKER: 'mqtt://hidden.host' },
  })
}

it('shows what a reload would do, with the values as the files have them', async () => {
  const { code, output } = await plan(`
node: { id: n1 }
mqtt: { url: mqtt://localhost, username: u, password_file: secret, keepalive: 10s }
sensors:
  - { id: attic, type: simulated, interval: 5s }
  - { type: simulated, interval: 1000ms }
  - { id: garden, type: simulated }
gpio: { backend: mock, outputs: [{ pin: 17, name: LED, on_exit: keep }] }
`)
  expect(output).toBe(`A reload of ${other} would change:

sensors: 1 unchanged
  + garden (simulated)
  - cellar (simulated)
  ~ attic (simulated)
      interval: 2s -> 5s
      metrics.temperature.offset: -0.4 -> (not set)
gpio.outputs:
  ~ 17 (LED)
      on_exit: (not set) -> keep
gpio.inputs: none
rules: none
node: 1 unchanged
mqtt:
      keepalive: (not set) -> 10s
      the broker is connected anew
outbox: 1 unchanged
home_assistant: 1 unchanged
remote: 1 unchanged
`)
  expect(code).toBe(0)
})

it('says that there is nothing to do, also for a file elsewhere whose relative paths will lead to the same', async () => {
  const { code, output } = await plan(`# moved here\n${RUNNING}`)
  expect([code, output]).toEqual([0, `${other} says what runs already: a reload changes nothing\n`])
})

it('names what changes of a rule as the file has it, step by step', async () => {
  const rule = (when: string, then: string, later: string): string =>
    `${RUNNING}rules:\n  - { id: r, when: { pin: 17, ${when} }, then: ${then}, escalate: { after: 1m, ${later} } }\n`
  await writeFile(running, rule('becomes: on', '{ publish: { topic: a, payload: b } }', 'alert: x'))
  const changes = async (then: string): Promise<string[]> => {
    const { output } = await plan(rule('becomes: off', then, 'alert: y'))
    return output.split('\n').flatMap((line) => (line.includes('->') ? [line.trim()] : []))
  }
  const [when, escalate] = ['when.becomes: on -> off', 'escalate.alert: x -> y']
  expect(await changes('{ publish: { topic: a, payload: c } }')).toEqual([
    when,
    'then.publish.payload: b -> c',
    escalate,
  ])
  expect(await changes('[{ publish: { topic: a, payload: c } }]')).toEqual([
    when,
    'then[0].publish.payload: b -> c',
    escalate,
  ])
})

it('shows a word as the file has it, whatever it stands for', async () => {
  const { code, output } = await plan(`${RUNNING}remote: true\n`)
  expect([code, output]).toEqual([0, expect.stringContaining('remote:\n      remote: (not set) -> true\n')])
})

it('exits 3 and names each key where only a restart helps', async () => {
  const { code, output } = await plan(RUNNING.replace('id: n1', 'id: n2').replace('backend: mock', 'backend: chardev'))
  expect(code).toBe(3)
  expect(output).toContain(`A reload refuses ${other} as a whole`)
  expect(output).toMatch(/~ node\.id: n1 -> n2\n.*new\.yaml:2:13: node\.id: .*\(sudo systemctl restart sensor-node\)/)
  expect(output).toMatch(/~ gpio\.backend: mock -> chardev\n/)
})

it('shows no secret, and nothing from the environment', async () => {
  const secrets = RUNNING.replace("'mqtt://localhost'", `'\${URL_OF_BROKER}'`).replace(
    'password_file: secret',
    'password: in-the-open',
  )
  for (const flags of [[], ['--json']]) {
    const { code, output } = await plan(secrets, ...flags)
    expect(code).toBe(0)
    expect(output).not.toMatch(/in-the-open|the-secret|hidden/)
    expect(output).toContain('(secret)')
    expect(output).toContain(`\${URL_OF_BROKER}`)
  }
})

it('prints JSON for machines, also of what is wrong', async () => {
  const good = await plan(RUNNING.replace('interval: 2s', 'interval: 3s').replace('id: n1', 'id: n2'), '--json')
  expect([good.code, JSON.parse(good.output)]).toMatchObject([
    3,
    {
      changes: true,
      restart_needed: true,
      parts: [
        {
          part: 'sensors',
          added: [],
          removed: [],
          changed: [{ name: 'attic', changes: [{ key: 'interval', from: '2s', to: '3s' }] }],
          unchanged: 2,
        },
        { part: 'gpio.outputs' },
        { part: 'gpio.inputs' },
        { part: 'rules' },
        { part: 'node' },
        { part: 'mqtt' },
        { part: 'outbox' },
        { part: 'home_assistant' },
        { part: 'remote' },
      ],
      restart: [{ key: 'node.id', from: 'n1', to: 'n2' }],
    },
  ])
  const bad = await plan(`${RUNNING}nonsense: 17\n`, '--json')
  expect(bad.code).toBe(78)
  expect(bad.output).toMatch(/"line": 9,\s+"column": 1,\s+"path": "nonsense"/)
})

it.each([
  ['the new file is wrong', `${RUNNING}nonsense: 1\n`, /new\.yaml:9:1: nonsense: unknown key/],
  ['the new file is no YAML', 'sensors: [', /new\.yaml:\d+:\d+: /],
])('exits 78 where %s, with its problems as check has them', async (_, text, problem) => {
  const { code, output } = await plan(text)
  expect([code, output]).toEqual([78, expect.stringMatching(problem)])
})

it('exits 78 where a file is not there, and 1 where both are the same one', async () => {
  const absent = await runToEnd(['plan', join(folder, 'absent.yaml'), '--config', running])
  expect([absent.code, absent.output]).toEqual([78, expect.stringContaining('absent.yaml')])
  await writeFile(other, RUNNING)
  const lost = await runToEnd(['plan', other, '--config', join(folder, 'etc/lost.yaml')])
  expect([lost.code, lost.output]).toEqual([78, expect.stringContaining('lost.yaml')])
  const itself = await runToEnd(['plan', running, '--config', running])
  expect([itself.code, itself.output]).toEqual([1, expect.stringContaining('--config')])
})
