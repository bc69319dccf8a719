/**
 * What the configuration came to, kept for the next start: reading YAML and checking everything takes a third of a start
 * that finds its code compiled, and the file is mostly what it was. Beside the compiled code, and under the same
 * conditions; good for the very text, machine, program and Node.js that it was made of, and for nothing else. Files that
 * the configuration names are looked at at each start, and warnings are told at each start.
 *
 * Never kept: what is wrong, what came from the environment, and a configuration that holds a password, be it in a comment.
 */
import { readdirSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import { type LoadEnv, type Loaded, type Read, withNamedFiles } from '../config/loaded.ts'
import { readText } from '../config/read-text.ts'
import { type ConfigNode, entry } from '../config/tree.ts'
import { messageOf } from '../errors.ts'
import type { CodeCache } from './code-cache.ts'
import { keepFile, NOT_USABLE, readKept } from './kept-file.ts'

export interface ConfigMemo {
  /** As `loadConfig` does. @throws ConfigError */
  load(file: string, env: LoadEnv): Promise<Loaded>
  /** Writes what was read, once; tells what became of it, for a log. Never rejects. */
  keep(): Promise<string>
}

/** Below this are the places that the checks of named files point at. */
const PART = 'mqtt'

/** A line of a password, also one that is commented out. The key of a file with the password is another. */
const PASSWORD = /\bpassword["']?[ \t]*:/i

/** What is kept. There were no problems. */
type Kept = Pick<Read, 'config' | 'warnings'> & { readonly part: ConfigNode | undefined }

/** @param program where one of its files is another, nothing of before is good */
export function createConfigMemo({
  place,
  program,
  usable,
}: Pick<CodeCache, 'place' | 'program' | 'usable'>): ConfigMemo {
  const memo = join(place, 'config.memo')
  let told = 'not read'
  let fresh: { readonly key: string; readonly read: Read } | undefined

  return {
    async load(file, env) {
      const text = await readText(file)
      const key = keyOf(text, file, env, program)
      const found = usable ? readKept(memo, key) : NOT_USABLE
      if (typeof found !== 'string') {
        told = 'used'
        return withNamedFiles(readOf(deserialize(found) as Kept), file, env) // by its sum, as it was written
      }
      const { readConfig } = await import('../config/load.ts')
      const read = readConfig(text, file, env)
      told = found
      fresh = { key, read }
      return withNamedFiles(read, file, env)
    },

    async keep() {
      if (fresh === undefined) return told
      const { key, read } = fresh
      fresh = undefined
      told += `, ${await keep(memo, key, read)}`
      return told
    },
  }
}

async function keep(memo: string, key: string, { config, warnings, root }: Read): Promise<string> {
  const kept: Kept = { config, warnings, part: entry(root, PART) }
  const secret = config.mqtt.password !== undefined || PASSWORD.test(key) || takesFromOutside(root)
  const reason = secret ? 'it is not for a disk' : undefined
  if (reason === undefined) {
    const bytes = serialize(kept)
    if (isDeepStrictEqual(deserialize(bytes), kept)) return keepFile(memo, key, bytes)
  }
  // What is there is of another text, which need not stay, either.
  return rm(memo, { force: true }).then(
    () => `not kept: ${reason ?? 'it can not be written down'}`,
    (error: unknown) => `not kept, and not removed: ${messageOf(error)}`,
  )
}

/** Whether anything in the file stands for a value of the environment. */
function takesFromOutside(node: ConfigNode): boolean {
  if (node.kind === 'scalar') return node.expanded
  const below = node.kind === 'list' ? node.items : [...node.entries.values()]
  return below.some(takesFromOutside)
}

function readOf({ config, warnings, part }: Kept): Read {
  const at = { line: 1, column: 1 }
  const entries = new Map(part === undefined ? [] : [[PART, part]])
  return {
    config,
    warnings,
    problems: [],
    root: { kind: 'map', path: '', at, key: undefined, refused: false, entries },
  }
}

/** All that a configuration is made of; the text itself, so that nothing is taken for another. */
function keyOf(text: string, file: string, { hostname, overlays, folder }: LoadEnv, program: string): string {
  const { version, arch, versions } = process
  const about = {
    version,
    arch,
    v8: versions.v8,
    program: identityOf(program),
    file: resolve(file),
    hostname,
    overlays,
    folder,
  }
  return `${JSON.stringify(about)}\n${text}`
}

/** The time of a file's last change can't be set by anybody: another text is seen, be it as long and as old. */
function identityOf(program: string): readonly unknown[] {
  return readdirSync(program, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.js'))
    .sort()
    .map((name) => {
      const found = statSync(join(program, name), { throwIfNoEntry: false }) // a link that leads nowhere is no part of it
      return [name, found?.size, found?.mtimeMs, found?.ctimeMs, found?.ino]
    })
}
