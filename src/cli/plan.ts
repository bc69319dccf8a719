/** `sensor-node plan`: what a reload would change, by the two files; nothing is touched. */
import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { systemClock } from '../clock.ts'
import { type Change, keyOf } from '../config/changes.ts'
import { type Loaded, loadConfig } from '../config/load.ts'
import { type ChangedItem, changesAnything, type Item, type Plan, planReload, restartProblems } from '../config/plan.ts'
import type { Config } from '../config/schema.ts'
import { keyBelow, scalarsBelow, written } from '../config/written.ts'
import { ConfigError, formatProblem } from '../errors.ts'
import { chooseBackend } from '../gpio/choose.ts'
import { silentLog } from '../log.ts'
import { EXIT } from './exit-code.ts'
import { findConfig } from './find-config.ts'
import { loadEnvHere } from './load-env.ts'
import { printWarnings } from './problems.ts'

/** Options of `plan` as the command line gives them. */
export interface PlanFlags {
  readonly config?: string
  readonly json?: boolean
}

type Path = Change['path']

/** The two files. */
interface Files {
  readonly from: Loaded
  readonly to: Loaded
}

/** @throws ConfigError with all problems of the file that is wrong, the new one first */
export async function plan(named: string, flags: PlanFlags): Promise<number> {
  const running = await findConfig(flags.config)
  const file = resolve(named)
  if (await isSame(running, file)) {
    process.stderr.write(
      `${file} is the configuration that runs: name the one that it is to be compared with, by --config\n`,
    )
    return EXIT.failed
  }
  try {
    const env = await loadEnvHere(false)
    // It is read as it will be, once it has taken the other one's place.
    const to = await loadConfig(file, { ...env, folder: dirname(running) })
    const from = await loadConfig(running, env)
    printWarnings(file, to.warnings)
    const found = planReload(from.config, to.config, await backendOf(from.config, to.config))
    const show = flags.json === true ? asJson : asText
    process.stdout.write(`${show(found, { from, to })}\n`)
    return found.blocked.length > 0 ? EXIT.restart : EXIT.ok
  } catch (error) {
    if (error instanceof ConfigError && flags.json === true)
      process.stdout.write(`${JSON.stringify({ file: error.file, problems: error.problems }, undefined, 2)}\n`)
    throw error
  }
}

async function isSame(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map((file) => stat(file).catch(() => undefined)))
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev
}

/** What drives the pins while `from` runs here; undefined where nobody knows, or it does not matter. */
async function backendOf(from: Config, to: Config): Promise<string | undefined> {
  const counts = ({ gpio }: Config): boolean => gpio.inputs.some(({ mode }) => mode === 'counter')
  const { backend, inputs, outputs } = from.gpio
  if (backend !== 'auto' || inputs.length + outputs.length === 0 || counts(from) || !counts(to)) return undefined
  return (await chooseBackend({ backend, clock: systemClock, log: silentLog() })).backend
}

/** For a person. */
function asText(found: Plan, files: Files): string {
  if (!changesAnything(found)) return `${files.to.file} says what runs already: a reload changes nothing`
  const { parts, blocked } = found
  const head =
    blocked.length === 0
      ? `A reload of ${files.to.file} would change:`
      : `A reload refuses ${files.to.file} as a whole; after a restart it would change:`
  const sections = parts.map(({ part, added, removed, changed, unchanged }) => {
    const lines = [
      ...added.map((item) => `  + ${called(item)}`),
      ...removed.map((item) => `  - ${called(item)}`),
      ...changed.flatMap((item) => [
        ...(item.name === part ? [] : [`  ~ ${called(item)}`]),
        ...keysOf(item, files).map(
          ({ key, from, to }) => `      ${key}: ${from ?? '(not set)'} -> ${to ?? '(not set)'}`,
        ),
      ]),
    ]
    const note = part === 'mqtt' && changed.length > 0 ? ['      the broker is connected anew'] : []
    const same = unchanged === 0 ? 'none' : `${unchanged} unchanged`
    if (lines.length === 0) return `${part}: ${changed.length > 0 ? 'changed' : same}`
    return [`${part}:${unchanged === 0 ? '' : ` ${same}`}`, ...lines, ...note].join('\n')
  })
  const problems = restartProblems(found, files.to.root)
  const restart = blockedKeys(found, files).flatMap(({ key, from, to }, index) => {
    const problem = problems[index]
    const why = problem === undefined ? [] : [`      ${formatProblem(files.to.file, problem)}`]
    return [`  ~ ${key}: ${from ?? '(not set)'} -> ${to ?? '(not set)'}`, ...why]
  })
  return [head, '', ...sections, ...(restart.length === 0 ? [] : ['', 'needs a restart:', ...restart])].join('\n')
}

/** `{"reload":true,"parts":[{"part":"sensors","added":["attic"],…}],"restart":[{"key":"node.id","reason":…}]}`; values are as the files have them. */
function asJson(found: Plan, files: Files): string {
  const { parts, blocked } = found
  const json = {
    changes: changesAnything(found),
    restart_needed: blocked.length > 0,
    parts: parts.map(({ part, added, removed, changed, unchanged }) => ({
      part,
      added: added.map(({ name }) => name),
      removed: removed.map(({ name }) => name),
      changed: changed.map((one) => ({ name: one.name, changes: keysOf(one, files) })),
      unchanged,
    })),
    restart: blockedKeys(found, files),
  }
  return JSON.stringify(json, undefined, 2)
}

function blockedKeys({ blocked }: Plan, { from, to }: Files): (Shown & { readonly reason: string })[] {
  return blocked.map(({ key, path, reason }) => {
    const [old, now] = [written(from.root, path), written(to.root, path)]
    return { key, from: old ?? null, to: now ?? null, reason }
  })
}

function called({ name, label }: Item): string {
  return label === undefined ? name : `${name} (${label})`
}

/** One key, with its values as the files have them; null: not written there. */
interface Shown {
  readonly key: string
  readonly from: string | null
  readonly to: string | null
}

/** The keys of one that changed, each once. What follows from another key, such as a default, is not told. */
function keysOf(item: ChangedItem, files: Files): Shown[] {
  const found = new Map<string, Shown>()
  for (const { path } of item.changes) for (const shown of asWritten(item, path, files)) found.set(shown.key, shown)
  return [...found.values()]
}

/**
 * The key itself or, where neither file has it, what stands for it: `remote: true` for its actions, `becomes: on` for a
 * level, wherever in their section.
 */
function asWritten({ name, before, path }: ChangedItem, key: Path, { from, to }: Files): Shown[] {
  const named = (steps: Path): string =>
    keyBelow(to.root, path, steps) ?? keyBelow(from.root, before, steps) ?? keyOf(steps)
  for (let length = key.length; length >= 0; length -= 1) {
    const steps = key.slice(0, length)
    const [old, now] = [written(from.root, [...before, ...steps]), written(to.root, [...path, ...steps])]
    if (old !== undefined || now !== undefined) {
      // A secret that changed looks as it did; what stands around a default did not change.
      if (length < key.length && old === now) return []
      return [{ key: length === 0 ? name : named(steps), from: old ?? null, to: now ?? null }]
    }
    const inside = [scalarsBelow(from.root, [...before, ...steps]), scalarsBelow(to.root, [...path, ...steps])].flat()
    if (length === 0 || length === key.length || inside.length === 0) continue
    return inside.flatMap((rest) => {
      const all = [...steps, ...rest]
      const one = { from: written(from.root, [...before, ...all]), to: written(to.root, [...path, ...all]) }
      return one.from === one.to ? [] : [{ key: named(all), from: one.from ?? null, to: one.to ?? null }]
    })
  }
  return []
}
