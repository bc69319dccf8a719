/**
 * What the recipes promise for the time when something is broken, with their own configurations, and the lines of the
 * fleet's recipe, which has a broker of its own. All else of them is run page by page, in shell.e2e.test.ts.
 */
import { spawn } from 'node:child_process'
import { chmod, cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { type Entry, readHistory } from '../../src/gpio/mock-history.ts'
import { type AgentProcess, BUILT, startAgent } from '../fakes/agent-process.ts'
import { type BrokerBench, brokerBench } from '../fakes/broker-bench.ts'
import { freePort } from '../fakes/mosquitto.ts'
import { on } from '../fakes/observer.ts'
import { describeWith } from '../fakes/tools.ts'
import { blocksOf, pathOf } from './documents.ts'

const FLOAT = 27
const PUMP = 5
const PUMP_RECIPE = 'docs/recipes/pump.md'
const PATIENCE_MS = 15_000
/** The lines of the fleet take some 12 s, and more on a busy machine. */
const FLEET_MS = 120_000

/** The YAML block of a recipe, by its number from 0. */
function yamlOf(file: string, index: number): string {
  const block = blocksOf(file).filter(({ language }) => language === 'yaml')[index]
  if (block === undefined) throw new Error(`${file} has no YAML block ${index}`)
  return block.text
}

describeWith(['mosquitto'], 'the recipe of the pump', () => {
  const cleanups: (() => unknown)[] = []
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })

  /** The node runs with simulated pins, whose changes are on record. */
  const pump = async (yaml: string): Promise<BrokerBench & { agent: AgentProcess; moves(pin: number): Entry[] }> => {
    const bench = await brokerBench(cleanups, 'recipes')
    const history = join(bench.folder, 'history')
    const config = join(bench.folder, 'config.yaml')
    const recorded = yaml.replace('backend: chardev', `backend: chardev\n  mock_history: ${history}`)
    await writeFile(config, `mqtt: { url: "${bench.mosquitto.url}" }\n${recorded}`)
    const agent = startAgent(['run', '--simulate', '--config', config])
    cleanups.push(() => agent.end('SIGKILL'))
    await bench.observer.until(on(`gpio/${PUMP}/state`, '0'), { past: true })
    /** Of outputs what they were driven to, of inputs what came; of the wire: both pins are active low. */
    const moves = (pin: number): Entry[] =>
      readHistory(history).filter(({ line, direction }) => line === pin && direction === (pin === PUMP ? 'out' : 'in'))
    return { ...bench, agent, moves }
  }
  it('empties the sump while the broker is dead, and stops when the float falls', async () => {
    const { mosquitto, observer, agent, moves } = await pump(yamlOf(PUMP_RECIPE, 1))
    await observer.publish(`gpio/${FLOAT}/press`, '{"state":"on","for":"1s"}')
    await observer.until(on(`gpio/${FLOAT}/state`, '1'))
    await mosquitto.kill()
    await agent.wrote(/rule no longer active/)
    await expect.poll(() => moves(PUMP).map(({ level }) => level), { timeout: PATIENCE_MS }).toEqual([1, 0, 1])
    const fell = moves(FLOAT).at(-1)?.at ?? 0
    expect(moves(PUMP).at(-1)?.at).toBeGreaterThan(fell)
  })

  it('stops after max_on while the broker is dead and the float is up, and does not start again', async () => {
    const { mosquitto, observer, moves } = await pump(yamlOf(PUMP_RECIPE, 1))
    await observer.publish(`gpio/${FLOAT}/press`, 'on')
    await observer.until(on(`gpio/${PUMP}/state`, '1'))
    await mosquitto.kill()
    const levels = (): number[] => moves(PUMP).map(({ level }) => level)
    await expect.poll(levels, { timeout: PATIENCE_MS }).toEqual([1, 0, 1])
    const [, begun, ended] = moves(PUMP)
    const ranMs = (ended?.at ?? 0) - (begun?.at ?? 0)
    expect(ranMs).toBeGreaterThanOrEqual(1500) // max_on of the block
    expect(ranMs).toBeLessThan(PATIENCE_MS) // on a machine that is busy
    const alert = observer.until(({ topic, payload }) => topic === 'alerts/cellar/sump_full' && payload !== '')
    await mosquitto.start()
    await alert // which began while the broker was dead
    expect(levels()).toEqual([1, 0, 1])
  })

  /** With the float up at the start: without the pull, the wire of the pin is low. */
  const floatIsUp = (yaml: string): string => yaml.replace('pull: up, ', '')

  it('leaves the pump off where the float is up at the start, and tells of it', async () => {
    const { observer, moves } = await pump(floatIsUp(yamlOf(PUMP_RECIPE, 1)))
    await observer.until(on('alerts/cellar/sump_full'), { past: true })
    expect(moves(PUMP).map(({ level }) => level)).toEqual([1])
  })

  it('runs the pump then, where the rule escalates to it', async () => {
    const { observer, moves } = await pump(floatIsUp(yamlOf(PUMP_RECIPE, 2)).replace('held: 5s', 'held: 200ms'))
    await observer.until(on(`gpio/${PUMP}/state`, '1'))
    expect(moves(PUMP).map(({ level }) => level)).toEqual([1, 0])
    await observer.publish(`gpio/${FLOAT}/press`, 'off')
    await observer.until(on(`gpio/${PUMP}/state`, '0'))
  })
})

describeWith(['mosquitto', 'mosquitto_passwd', 'openssl', 'bash'], 'the recipe of the fleet', () => {
  const cleanups: (() => unknown)[] = []
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })

  it('makes a broker, two nodes and two loggers, and keeps strangers out', { timeout: FLEET_MS }, async () => {
    const { folder } = await brokerBench(cleanups, 'fleet') // of which only the folder is used
    const port = String(await freePort())
    const elsewhere = (text: string): string => text.replaceAll('8883', port)
    await cp(pathOf('deploy'), join(folder, 'deploy'), { recursive: true })
    const conf = join(folder, 'deploy/mosquitto.conf')
    await writeFile(conf, elsewhere(await readFile(conf, 'utf8')))
    const program = join(folder, 'bin/sensor-node')
    await mkdir(dirname(program))
    await writeFile(program, `#!/bin/sh\nexec "${process.execPath}" "${BUILT}" "$@"\n`)
    await chmod(program, 0o755)
    const [, ...tried] = blocksOf('docs/recipes/fleet.md').filter(
      ({ marks }) => marks.get('not run') === 'run by another test',
    )
    expect(tried.length).toBe(4)
    const lines = tried.map(({ text }) => elsewhere(text)).join('\necho "=== next"\n')

    const said = await bash(`set -m\ntrap 'kill $(jobs -p) 2>/dev/null' EXIT\n${lines}`, folder, dirname(program))
    const [, nodes = '', readings = '', rights = ''] = said.split('=== next\n')
    expect(nodes).toMatch(/^rpi001 +online/m)
    expect(nodes).toMatch(/^rpi002 +online/m)
    for (const one of ['rpi001,,humidity', 'rpi001,,temperature', 'rpi002,,humidity', 'rpi002,,temperature'])
      expect(readings).toMatch(new RegExp(`^ +\\d+ ${one}$`, 'm'))
    for (const file of ['a.csv', 'b.csv'])
      expect((await readFile(join(folder, 'try', file), 'utf8')).split('\n').length).toBeGreaterThan(2)
    expect(rights).toMatch(/^exit 5\n17 on$/m) // told on standard error why
    expect(rights).toMatch(/^rpi002 +offline/m)
    expect(rights).toMatch(/^exit 1$/m)
  })

  function bash(script: string, cwd: string, bin: string): Promise<string> {
    const env = { ...process.env, PATH: `${bin}:${process.env.PATH}:/usr/sbin` }
    const child = spawn('bash', ['-c', script], { cwd, env, stdio: ['ignore', 'pipe', 'ignore'] })
    cleanups.push(() => child.kill('SIGTERM'))
    let text = ''
    child.stdout.on('data', (bytes: Buffer) => {
      text += bytes.toString()
    })
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', () => resolve(text))
    })
  }
})
