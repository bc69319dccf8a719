/**
 * A new configuration while the agent runs: the file is loaded, and either all of it is taken over or nothing at all.
 * What was wrong is told in the log and to whoever asked, and stays in health until a reload goes well. Called for
 * SIGHUP, and for whoever else may ask for it.
 */
import type { Clock } from './clock.ts'
import type { Loaded } from './config/loaded.ts'
import { changesAnything, type Plan, planReload, restartProblems } from './config/plan.ts'
import type { Config } from './config/schema.ts'
import { LATE, withDeadline } from './deadline.ts'
import { ConfigError, formatProblem, messageOf, type Problem } from './errors.ts'
import type { Logger } from './log.ts'
import type { Notifier } from './systemd.ts'

/** How a reload ended. `problems`: the configuration that ran before it runs on, in every part. */
export type ReloadResult =
  | { readonly ok: true; readonly changes: Changes }
  | { readonly ok: false; readonly problems: readonly string[] }

/** What was changed, by name and key: `sensors attic`, `mqtt: url`. No values, as some are secrets. */
export interface Changes {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly changed: readonly string[]
}

export interface ReloadOptions {
  /** Reads the file anew; undefined: there is none. @throws ConfigError */
  readonly load: (() => Promise<Loaded>) | undefined
  /** What runs. */
  readonly current: () => Config
  /** The GPIO backend at work. */
  readonly backend: () => string
  /** Makes it what runs. @throws only for a bug of ours */
  readonly apply: (config: Config, plan: Plan) => Promise<void>
  /** What is wrong with the file, a line each; empty: what runs is what was loaded last. */
  readonly onResult: (problems: readonly string[]) => void
  /** One line for people, after it. */
  readonly status: () => string
  readonly onBug: (error: unknown) => void
  readonly notifier: Pick<Notifier, 'reloading' | 'ready'>
  readonly clock: Clock
  readonly log: Logger
}

export interface Reloading {
  /** Loads the file and applies it. Calls that come while one is under way share the one after it. Never rejects. */
  reload(): Promise<ReloadResult>
  /** Resolves when none is under way. */
  idle(): Promise<void>
}

const STOPPING: ReloadResult = { ok: false, problems: ['the node is stopping'] }
/** A file on a disk that hangs. */
const LOAD_DEADLINE_MS = 10_000

/** @param signal from its abort on, every reload is refused */
export function createReload(options: ReloadOptions, signal: AbortSignal): Reloading {
  const { current, backend, apply, onResult, status, onBug, notifier, clock, log } = options
  let running: Promise<ReloadResult> | undefined
  let next: Promise<ReloadResult> | undefined

  const once = async (): Promise<ReloadResult> => {
    if (signal.aborted) return STOPPING
    void notifier.reloading()
    const result = await attempt().catch((error: unknown): ReloadResult => {
      onBug(error)
      return { ok: false, problems: [`internal error: ${messageOf(error)}`] }
    })
    onResult(result.ok ? [] : result.problems)
    void notifier.ready(status())
    return result
  }

  const attempt = async (): Promise<ReloadResult> => {
    const loaded = await read()
    if (loaded instanceof ConfigError) return refused(loaded.file, loaded.problems)
    const { file, config, warnings, root } = loaded
    const plan = planReload(current(), config, backend())
    if (plan.blocked.length > 0) return refused(file, restartProblems(plan, root))
    for (const warning of warnings) log.warn(formatProblem(file, warning))
    const changes = summary(plan)
    if (!changesAnything(plan)) {
      log.info({ file }, 'the configuration is what runs already: nothing to reload')
      return { ok: true, changes }
    }
    if (signal.aborted) return STOPPING
    await apply(config, plan)
    log.info({ file, ...changes }, 'configuration reloaded')
    return { ok: true, changes }
  }

  const read = async (): Promise<Loaded | ConfigError> => {
    const { load } = options
    if (load === undefined) return new ConfigError('', [problem('there is no file to reload from')])
    try {
      const loaded = await withDeadline(load, LOAD_DEADLINE_MS, clock)
      if (loaded !== LATE) return loaded
      return new ConfigError('', [problem(`the file could not be read within ${LOAD_DEADLINE_MS / 1000} s`)])
    } catch (error) {
      return error instanceof ConfigError ? error : new ConfigError('', [problem(messageOf(error))])
    }
  }

  const refused = (file: string, problems: readonly Problem[]): ReloadResult => {
    const lines = problems.map((one) => formatProblem(file, one))
    for (const line of lines) log.error(line)
    log.error({ file, problems: lines.length }, 'the configuration was not reloaded: what ran before runs on')
    return { ok: false, problems: lines }
  }

  const begin = (): Promise<ReloadResult> => {
    const reloading = once().finally(() => {
      if (running === reloading) running = undefined
    })
    running = reloading
    return reloading
  }

  return {
    reload() {
      if (running === undefined) return begin()
      next ??= running.then(() => {
        next = undefined
        return begin()
      })
      return next
    },
    async idle() {
      while (running !== undefined) await running
    },
  }
}

function problem(message: string): Problem {
  return { line: 0, column: 0, path: '', message }
}

function summary({ parts }: Plan): Changes {
  const all = (kind: 'added' | 'removed'): string[] =>
    parts.flatMap((part) => part[kind].map(({ name }) => `${part.part} ${name}`))
  const changed = parts.flatMap(({ part, changed: items }) =>
    items.map(({ name, changes }) => {
      const keys = changes.map(({ key }) => key).join(', ')
      return name === part ? `${part}: ${keys}` : `${part} ${name}: ${keys}`
    }),
  )
  return { added: all('added'), removed: all('removed'), changed }
}
