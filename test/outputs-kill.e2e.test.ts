/** The built agent, killed while its outputs owe something; what the wires did is read from the board's own history. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type AgentProcess, startAgent } from './fakes/agent-process.ts'
import { brokerBench } from './fakes/broker-bench.ts'
import type { Mosquitto } from './fakes/mosquitto.ts'
import { type Observer, on } from './fakes/observer.ts'
import { describeWith } from './fakes/tools.ts'

const CONFIG = (url: string): string => `
node: { id: rpi001 }
mqtt: { url: '${url}' }
gpio:
  backend: mock
  mock_history: board.jsonl
  outputs:
    - { pin: 17, initial: keep }
    - { pin: 22, initial: keep, active_low: true, max_on: 3s }
    - { pin: 23, initial: keep, interlock: motor, interlock_pause: 200ms }
    - { pin: 24, initial: keep, interlock: motor, interlock_pause: 200ms }
`

interface Change {
  readonly at: number
  readonly line: number
  readonly level: 0 | 1
}

const cleanups: (() => Promise<unknown>)[] = []
let mosquitto: Mosquitto
let observer: Observer
let folder: string
let agent: AgentProcess

describeWith(['mosquitto'], 'the built agent, killed again and again', () => {
  beforeEach(async () => {
    ;({ folder, mosquitto, observer } = await brokerBench(cleanups, 'kill'))
    await writeFile(join(folder, 'config.yaml'), CONFIG(mosquitto.url))
    agent = start()
    cleanups.push(() => agent.end('SIGKILL'))
  })
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })

  const start = (): AgentProcess => {
    const env = { RUNTIME_DIRECTORY: join(folder, 'run'), STATE_DIRECTORY: join(folder, 'state') }
    return startAgent(['run', '--config', join(folder, 'config.yaml')], { env })
  }
  const restart = async (): Promise<void> => {
    await agent.end('SIGKILL')
    const up = observer.until(on('gpio/24/state')) // the last of what is told at each connect
    agent = start()
    await up
  }
  const order = async (pin: number, command: string, state: string): Promise<void> => {
    const told = observer.until(on(`gpio/${pin}/state`, state))
    await observer.publish(`gpio/${pin}/command`, command)
    await told
  }
  const changes = async (): Promise<Change[]> => {
    const text = await readFile(join(folder, 'board.jsonl'), 'utf8')
    return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Change]))
  }
  /** How long the wire was at the level, ms, each time that it has left it since. */
  const spans = async (pin: number, level: 0 | 1): Promise<number[]> => {
    const own = (await changes()).filter(({ line }) => line === pin)
    return own.flatMap((change, index) => {
      const next = own[index + 1]
      return change.level === level && next !== undefined ? [next.at - change.at] : []
    })
  }

  it('a for ends in the process after, or in the one after that', { timeout: 60_000 }, async () => {
    await observer.until(on('gpio/17/state', '0'), { past: true })
    await order(17, '{"state":"on","for":"6s"}', '1')
    const off = observer.until(on('gpio/17/state', '0'), { ms: 30_000 })
    await restart()
    await restart()
    await off
    const [high = 0, ...more] = await spans(17, 1)
    expect(more).toEqual([])
    // Killed just after the switch, its end counts from before the file was written, which takes a while on a disk.
    expect(high).toBeGreaterThan(4000)
    // The last of the starts may have been under way at the end of it.
    expect(high).toBeLessThan(12_000)
  })

  it('a for whose end the process does not live to see is over at the next start', { timeout: 60_000 }, async () => {
    await observer.until(on('gpio/17/state', '0'), { past: true })
    await order(17, '{"state":"on","for":"500ms"}', '1')
    await agent.end('SIGKILL')
    await sleep(600)
    expect((await changes()).at(-1)).toMatchObject({ line: 17, level: 1 }) // nobody switches meanwhile
    agent = start()
    await agent.wrote(/ready/)
    expect((await changes()).at(-1)).toMatchObject({ line: 17, level: 0 })
  })

  it('max_on counts on, and is over for good', { timeout: 60_000 }, async () => {
    await observer.until(on('gpio/22/state', '0'), { past: true })
    await order(22, 'on', '1')
    const off = observer.until(on('gpio/22/state', '0'), { ms: 30_000 })
    await restart()
    await off
    await restart()
    const [low = 0, ...more] = await spans(22, 0)
    expect(more).toEqual([])
    expect(low).toBeGreaterThan(2000) // counted from before it was written down that the pin goes on
    expect(low).toBeLessThan(9000)
    expect((await changes()).at(-1)).toMatchObject({ line: 22, level: 1 })
  })

  it('of two with one interlock never two are on, and there is a pause between them', { timeout: 60_000 }, async () => {
    await observer.until(on('gpio/24/state', '0'), { past: true })
    for (let round = 0; round < 5; round += 1) {
      for (const pin of [23, 24, 24, 23]) await observer.publish(`gpio/${pin}/command`, 'toggle')
      await order(23, 'on', '1')
      await observer.publish('gpio/24/command', 'on')
      await sleep(120 * round)
      await restart()
    }
    const high = new Set<number>()
    const gaps: number[] = []
    let lastOff = { at: Number.NEGATIVE_INFINITY, line: 0 }
    for (const { at, line, level } of await changes()) {
      if (line !== 23 && line !== 24) continue
      if (level === 0 && high.delete(line)) lastOff = { at, line }
      if (level === 0) continue
      high.add(line)
      expect([...high]).toEqual([line])
      if (lastOff.line !== line) gaps.push(at - lastOff.at)
    }
    expect(gaps.length).toBeGreaterThan(1)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(200)
  })
})
