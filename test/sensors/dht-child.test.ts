import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { alive, CHILD_PROGRAM, DhtBench, FAKE_VENDOR, fakeModule, HANGS, NEVER } from '../fakes/dht-bench.ts'

let bench: DhtBench | undefined

function createBench(): DhtBench {
  bench = new DhtBench()
  return bench
}

afterEach(async () => {
  await bench?.dispose()
  bench = undefined
})

describe('the child process', () => {
  it('stays when the terminal interrupts the whole group: its end is the agent’s to decide', async () => {
    const bench = createBench()
    const sensor = await bench.open(4)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(bench.started[0] ?? 0, signal)
    expect(await sensor.read(NEVER)).toMatchObject({ temperature: 21.5 })
    expect(bench.started).toHaveLength(1)
  })

  it('sees nothing of the agent’s environment', async () => {
    const sensor = await createBench().open(18)
    expect(await sensor.read(NEVER)).toMatchObject({ temperature: 0 })
  })

  it('has what it prints in the log, a complaint that repeats as one warning', async () => {
    const bench = createBench()
    const sensor = await bench.open(11)
    await sensor.read(NEVER)
    await bench.clock.advance(3000)
    await sensor.read(NEVER)
    const complaints = () => bench.lines.filter(({ msg }) => msg === 'dht driver process complained')
    await bench.logged(() => complaints().length === 2)
    expect(complaints().map(({ level, line }) => [level, line])).toEqual([
      [40, 'bcm2835_init: Unable to open /dev/gpiomem'],
      [20, 'bcm2835_init: Unable to open /dev/gpiomem'],
    ])
  })

  it.each(['quietly', 'withAThread'] as const)(
    'ends when the agent is killed, even where the driver hangs %s',
    async (how) => {
      const args = [fakeModule('dht-agent.mjs'), fileURLToPath(CHILD_PROGRAM), FAKE_VENDOR, String(HANGS[how])]
      const agent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      const closed = once(agent, 'close') // when all are gone that hold its standard output: the child is one of them
      const told: string[] = []
      for await (const line of createInterface({ input: agent.stdout })) {
        told.push(line)
        const pid = /^child (\d+)$/.exec(line)?.[1]
        if (pid !== undefined) onTestFinished(() => void (alive(Number(pid)) && process.kill(Number(pid), 'SIGKILL')))
        if (line === `asked 22/${HANGS[how]}`) agent.kill('SIGKILL')
      }
      await closed
      expect(told).toContain(`asked 22/${HANGS[how]}`)
    },
  )

  it('says what it is to somebody who starts it by hand', () => {
    const { status, stderr } = spawnSync(process.execPath, [fileURLToPath(CHILD_PROGRAM)], { encoding: 'utf8' })
    expect(status).toBe(64)
    expect(stderr).toContain('is started by it')
  })
})
