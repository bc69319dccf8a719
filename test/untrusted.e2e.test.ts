/** What strangers send to a running agent stays text, and stays small. */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { type AgentProcess, startAgent } from './fakes/agent-process.ts'
import { brokerBench } from './fakes/broker-bench.ts'
import { type Observer, on } from './fakes/observer.ts'
import { describeWith } from './fakes/tools.ts'

const cleanups: (() => Promise<unknown>)[] = []

interface Bench {
  readonly agent: AgentProcess
  readonly observer: Observer
  /** A file that is not there, for texts that would make it. */
  readonly trap: string
}

async function start(mqtt = ''): Promise<Bench> {
  const { folder, mosquitto, observer } = await brokerBench(cleanups, 'untrusted')
  const file = join(folder, 'config.yaml')
  await writeFile(
    file,
    `
node: { id: rpi001 }
mqtt: { url: '${mosquitto.url}'${mqtt} }
sensors: [{ type: simulated, metrics: { temperature: {} } }]
gpio: { backend: mock, outputs: [{ pin: 17 }] }
`,
  )
  const agent = startAgent(['run', '--config', file], { cwd: folder })
  cleanups.push(() => agent.end('SIGKILL'))
  await observer.until(on('gpio/17/state', '0'), { past: true })
  return { agent, observer, trap: join(folder, 'trap') }
}

describeWith(['mosquitto'], 'an agent among strangers', () => {
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })

  it('takes text for a shell, for a format or for a log as text', async () => {
    const { agent, observer, trap } = await start()
    const texts = [
      '$(touch trap)',
      '`touch trap`',
      "'; touch trap; '",
      '| touch trap\n',
      '%s %d %i %f %j %o %O %c %% %n',
      '{0} {} $1 $& $HOME {node}',
      '"}\n{"level":"fatal","msg":"a line of mine"}',
      '\u001b[2J\u0000',
    ]
    // Each on a topic of its own: the same refusal on the same topic is logged once.
    for (const [pin, text] of texts.entries()) {
      const answer = observer.until(on(`gpio/${pin}/error`))
      await observer.publish(`gpio/${pin}/command`, text)
      expect(JSON.parse((await answer).payload).command).toBe(text)
    }
    await agent.wrote(/\\u001b\[2J/) // the last of them
    expect(existsSync(trap)).toBe(false)
    const lines = agent
      .output()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.filter(({ level }) => level === 'fatal')).toEqual([])
    const logged = lines.filter(({ msg }) => msg === 'command refused').map(({ command }) => command)
    expect(logged).toEqual(texts)
    expect(agent.output()).not.toContain('\u001b')
  })

  it.each([
    { mqtt: '', version: 'MQTT 5' },
    { mqtt: ', protocol: 4', version: 'MQTT 3.1.1' },
  ])('is not hurt by a command of four megabytes, by $version', async ({ mqtt }) => {
    const { agent, observer } = await start(mqtt)
    await observer.publish('gpio/17/command', 'on'.repeat(2_000_000), { qos: 1 })
    await observer.publish(`gpio/${'9'.repeat(30_000)}/command`, 'on', { qos: 1 })
    const state = observer.until(on('gpio/17/state'))
    await observer.publish('gpio/17/command', 'on')
    expect((await state).payload).toBe('1')
    expect(agent.output().match(/"msg":"connected"/g)).toHaveLength(1)
    // By MQTT 5 the broker keeps it to itself; by 3.1.1 it arrives, and its answer is short.
    const refused = observer.seen.filter(on('gpio/17/error'))
    expect(refused).toHaveLength(mqtt === '' ? 0 : 1)
    for (const { payload } of refused) expect(payload.length).toBeLessThan(300)
    expect(agent.output().length).toBeLessThan(20_000)
  })
})
