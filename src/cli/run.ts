/** `sensor-node run`: the agent, until a signal. */
import { type Agent, runAgent } from '../agent.ts'
import { systemClock } from '../clock.ts'
import { prepareCommands } from '../command.ts'
import type { Loaded } from '../config/loaded.ts'
import type { Config } from '../config/schema.ts'
import { ConfigError, formatProblem, messageOf } from '../errors.ts'
import { createLog, type Logger } from '../log.ts'
import type { LogLevel } from '../log-level.ts'
import type { CodeCache } from './code-cache.ts'
import { type ConfigMemo, createConfigMemo } from './config-memo.ts'
import { EXIT } from './exit-code.ts'
import { findConfig } from './find-config.ts'
import { loadEnvHere } from './load-env.ts'
import { untilSignal } from './signals.ts'
import { createWorld } from './world.ts'

/** From ready on, for the connection and the first readings: what they need is to be kept, too. */
const KEEP_CODE_AFTER_MS = 2000

/** Options of `run` as the command line gives them. */
export interface RunFlags {
  readonly config?: string
  readonly simulate?: boolean
  readonly logLevel: LogLevel
}

/** @throws ConfigError with all problems */
export async function run(flags: RunFlags, codeCache?: CodeCache): Promise<number> {
  const log = await createLog(flags.logLevel, process.stdout.isTTY)
  let agent: Agent | undefined
  let hungUp = false
  const onHangUp = (): void => {
    hungUp = agent === undefined // it comes back to that as soon as it can
    void agent?.reload()
  }
  const service = (process.env.NOTIFY_SOCKET ?? '') !== ''
  const signal = untilSignal((name) => log.info({ signal: name }, 'told to stop'), service ? onHangUp : undefined)
  const failed = new AbortController()
  // What nobody caught is a bug; the pins still go to their exit levels and the broker still hears `offline`.
  process.on('uncaughtException', (error) => {
    log.fatal({ reason: messageOf(error), stack: error.stack }, 'internal error')
    failed.abort() // once is enough; the end has its own deadlines
  })
  try {
    const file = await findConfig(flags.config)
    log.info({ file }, 'configuration')
    const simulate = flags.simulate ?? false
    const load = async (): Promise<Loaded> => {
      const { loadConfig } = await import('../config/load.ts') // not needed where nothing has changed
      return loadConfig(file, await loadEnvHere(simulate))
    }
    const memo = codeCache && createConfigMemo(codeCache)
    const { config, warnings } = await (memo === undefined ? load() : memo.load(file, await loadEnvHere(simulate)))
    for (const warning of warnings) log.warn(formatProblem(file, warning))
    const onReady = (ready: Agent): void => {
      agent = ready
      codeCache?.started()
      if (codeCache !== undefined) void keepForNext(codeCache, memo, config, log, ended)
      if (hungUp) onHangUp()
    }
    const ended = AbortSignal.any([signal, failed.signal])
    const world = { ...(await createWorld(config, log, simulate, load)), onReady }
    await runAgent(config, world, ended)
    if (!failed.signal.aborted) codeCache?.started()
    return failed.signal.aborted ? EXIT.failed : EXIT.ok
  } catch (error) {
    if (error instanceof ConfigError) {
      codeCache?.started()
      throw error
    }
    log.fatal({ reason: messageOf(error), stack: error instanceof Error ? error.stack : undefined }, 'internal error')
    return EXIT.failed
  }
}

/** One that ends before has kept nothing. */
async function keepForNext(
  cache: CodeCache,
  memo: ConfigMemo | undefined,
  { gpio }: Config,
  log: Logger,
  ended: AbortSignal,
): Promise<void> {
  const slept = await systemClock.sleep(KEEP_CODE_AFTER_MS, ended).then(
    () => true,
    () => false,
  )
  if (!slept) return
  if (gpio.outputs.length > 0) prepareCommands()
  log.debug({ files: await cache.keep(), config: await memo?.keep() }, 'compiled code')
}
