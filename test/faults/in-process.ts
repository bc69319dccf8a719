/** The agent in this process, for what needs a clock of the test's own. Store, broker and everything else are real. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { pino } from 'pino'
import { runAgent } from '../../src/agent.ts'
import type { Clock } from '../../src/clock.ts'
import { parseConfig } from '../../src/config/load.ts'
import { createMockGpio } from '../../src/gpio/mock.ts'
import { createNotifier } from '../../src/systemd.ts'
import type { Rig } from './rig.ts'
import { type Tally, tally } from './tally.ts'

export interface Here extends Tally {
  readonly ready: Promise<void>
  /** Resolves when the agent has ended; `stop` tells it to. */
  readonly ended: Promise<void>
  stop(): void
}

/** Starts the agent of a rig by a clock. */
export async function startHere(rig: Rig, clock: Clock): Promise<Here> {
  const { config, problems } = parseConfig(await readFile(rig.file, 'utf8'), rig.file, { env: {}, hostname: 'pi' })
  if (config === undefined) throw new Error(`the configuration is wrong: ${JSON.stringify(problems)}`)
  const lines = new PassThrough()
  const options = { level: 'debug', base: null, timestamp: pino.stdTimeFunctions.isoTime }
  const log = pino(options, lines)
  const told = tally(lines)
  rig.enter(told)
  const controller = new AbortController()
  let onReady = (): void => {}
  const ready = new Promise<void>((resolve) => {
    onReady = resolve
  })
  const ended = runAgent(
    config,
    {
      ...{ clock, log, root: '/', simulate: false, version: '0', random: Math.random },
      gpio: createMockGpio({ clock, log }),
      notifier: createNotifier({ env: {}, pid: process.pid, clock, log }),
      password: async () => undefined,
      stateFolder: join(rig.folder, 'state'),
      runtimeFolder: join(rig.folder, 'run'),
      onReady: () => onReady(),
    },
    controller.signal,
  )
  return { ...told, ready, ended, stop: () => controller.abort() }
}
