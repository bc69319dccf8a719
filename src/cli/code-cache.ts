/**
 * What V8 has made of the bundle's text, kept for the next start. Node.js has a cache of that, too, but fills it before a
 * function has run, and so leaves out nearly all of them; ours is made when the agent has been at work, and has every
 * function that a start needs. Only in the folder that systemd gives a service for what may be lost, and only where nobody
 * else can write there: what lies in it is run. Nothing depends on it: what can't be used is compiled as ever.
 *
 * Installed by `main.ts` before it loads the agent, kept by `run.ts`. The one user of `node:vm`.
 */
import { closeSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import vm from 'node:vm'
import { isOurs, keepFile, NOT_USABLE, readKept } from './kept-file.ts'
import { setStartMark } from './start-mark.ts'

/** What became of each file of the program, for a log: used, or why it was compiled, and whether it was kept then. */
export type Told = Readonly<Record<string, string>>

export interface CodeCache {
  /** The folder, which is trusted: nobody else can write there. */
  readonly place: string
  /** The folder of the program's files. */
  readonly program: string
  /** Whether what lies there may be used: not after a start that was cut off, perhaps because it was. */
  readonly usable: boolean
  /** The start has come to its end, good or bad: what was used did no harm. */
  started(): void
  /** Writes what was compiled, once. Keeps the processor for some hundredths of a second. Never rejects. */
  keep(): Promise<Told>
}

/** The part of a CommonJS module that is filled by loading it. */
interface Loading {
  exports: unknown
}

type Load = (module: Loading, file: string) => void

type Outer = (this: unknown, ...args: [exports: unknown, require: NodeJS.Require, module: Loading, ...string[]]) => void

interface Compiled {
  readonly script: vm.Script
  /** What it was compiled from, and by whom. */
  readonly key: string
}

/** The lines of the text keep their numbers, and their columns: this is a line of its own, before the first. */
const BEFORE = '(function (exports, require, module, __filename, __dirname) {\n'
const AFTER = '\n})'

/**
 * From now on, what the program loads of its own folder comes from the cache, if it is there. Undefined where there is
 * none to be had, and where Node.js is told to count what runs: its counts would be of our text, one line longer.
 *
 * @param env the process's environment
 * @param program the folder of its files
 */
export function useCodeCache(
  env: Readonly<Record<string, string | undefined>>,
  program: string,
): CodeCache | undefined {
  const place = env.CACHE_DIRECTORY?.split(':')[0] ?? ''
  if (place === '' || env.NODE_V8_COVERAGE !== undefined) return undefined
  try {
    if (!isOurs(statSync(place))) return undefined
  } catch {
    return undefined // where there is no folder, there is no cache
  }
  const { extensions } = createRequire(import.meta.url)
  const mark = setStartMark(env.RUNTIME_DIRECTORY?.split(':')[0])
  const usable = !mark.cutOff
  const { load, keep } = createCodeCache(place, usable)
  const usual = extensions['.js'] as Load // Node.js's own, of which the types tell less
  extensions['.js'] = (module: Loading, file: string) =>
    dirname(file) === program ? load(module, file) : usual(module, file)
  return { place, program, usable, started: mark.remove, keep }
}

/**
 * @param place the folder of the cache, which is trusted
 * @param usable false: what lies there is only replaced
 */
export function createCodeCache(
  place: string,
  usable = true,
): { readonly load: Load; readonly keep: CodeCache['keep'] } {
  const told: Record<string, string> = {}
  const compiled = new Map<string, Compiled>()

  function load(module: Loading, file: string): void {
    const name = basename(file)
    const { text, key } = read(file)
    const kept = usable ? readKept(join(place, `${name}.code`), key) : NOT_USABLE
    const script = new vm.Script(`${BEFORE}${text}${AFTER}`, {
      filename: file,
      lineOffset: -1,
      importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
      ...(typeof kept === 'string' ? {} : { cachedData: kept }),
    })
    const rejected = script.cachedDataRejected ?? true
    told[name] = typeof kept === 'string' ? kept : rejected ? 'rejected by V8' : 'used'
    if (rejected) compiled.set(name, { script, key })
    const outer = script.runInThisContext() as Outer // by the text before and after
    outer.call(module.exports, module.exports, createRequire(file), module, file, dirname(file))
  }

  async function keep(): Promise<Told> {
    for (const [name, { script, key }] of compiled) {
      compiled.delete(name)
      const kept = await keepFile(join(place, `${name}.code`), key, script.createCachedData())
      told[name] += `, ${kept}`
    }
    return told
  }

  return { load, keep }
}

/**
 * A file of the program, and what its compiled code is bound to. The time of its last change can't be set by anybody, so
 * that another text is seen, be it as long and, as in an archive, as old.
 */
function read(file: string): { readonly text: string; readonly key: string } {
  const descriptor = openSync(file, 'r')
  try {
    const { size, mtimeMs, ctimeMs, ino } = fstatSync(descriptor)
    const { version, arch, execArgv } = process
    const key = JSON.stringify([file, size, mtimeMs, ctimeMs, ino, version, arch, execArgv])
    return { text: readFileSync(descriptor, 'utf8'), key }
  } finally {
    closeSync(descriptor)
  }
}
