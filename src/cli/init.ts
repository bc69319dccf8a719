/**
 * `sensor-node init`: asks for node, broker, sensors and pins, and writes a commented configuration that `check` accepts.
 * Never over a file that is there; called off, it leaves nothing behind.
 */
import { chown, lstat, open, stat, unlink } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { pathToFileURL } from 'node:url'
import { ConfigError, codeOf, messageOf } from '../errors.ts'
import { EXIT } from './exit-code.ts'
import { BOARD, type Draft, draftText, type JudgeEnv, judge, pinAnswers, sensorLines } from './init-draft.ts'
import { askAll, type Given, type Person } from './init-questions.ts'
import { inOptions } from './init-words.ts'
import { loadEnvHere } from './load-env.ts'
import { packageFile } from './package.ts'
import { lookHere } from './scan.ts'
import { untilSignal } from './signals.ts'

/** Options of `init` as the command line gives them. */
export interface InitFlags {
  readonly id?: string
  readonly url?: string
  readonly username?: string
  readonly passwordFile?: string
  readonly output?: readonly string[]
  readonly input?: readonly string[]
  readonly scan: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

const SCHEMA = 'config.schema.json'
/** It names no secret, only where one is. */
const MODE = 0o640
const DEFAULT_URL = 'mqtt://localhost:1883'

/** @throws ConfigError with what is wrong with the options */
export async function init(named: string | undefined, flags: InitFlags): Promise<number> {
  const file = resolve(named ?? 'config.yaml')
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  const json = (result: object): void => {
    if (flags.json === true) process.stdout.write(`${JSON.stringify({ file, ...result })}\n`)
  }
  const failed = (reason: string): number => {
    say(reason)
    json({ written: false, reason })
    return EXIT.failed
  }
  if (await isThere(file)) return failed(occupied(file))
  // What a script reads is no place for questions.
  const screen = flags.json === true ? process.stderr : process.stdout
  if (flags.yes !== true && !(process.stdin.isTTY && screen.isTTY)) {
    return failed(
      'init asks questions, and here is no terminal: --yes takes the defaults, and options give answers (init --help)',
    )
  }
  const signal = untilSignal(() => {})
  try {
    const env = { ...(await loadEnvHere(false)), file }
    const found = flags.scan ? await scanned(say, signal) : []
    const given = answers(flags, dirname(file))
    const start: Draft = {
      id: given.id,
      url: given.url ?? DEFAULT_URL,
      username: given.username,
      passwordFile: given.passwordFile,
      outputs: given.outputs ?? [],
      inputs: given.inputs ?? [],
      sensors: [...found, ...BOARD],
      schema: await schemaFor(file),
    }
    const first = await judge(start, env)
    if (first.problems.length > 0)
      throw new ConfigError(
        'command line',
        first.problems.map((one) => inOptions(one, start)),
      )
    const whole = { ...start, id: given.id ?? first.node }
    const draft = flags.yes === true ? whole : await interview(whole, given, found, { env, screen }, signal)
    signal.throwIfAborted()
    // Questions take time.
    if (!(await create(file, draftText(draft)))) return failed(occupied(file))
    if (flags.json !== true) process.stdout.write(`${file} is written. What it yields: sensor-node check ${file}\n`)
    json({ written: true, node: draft.id })
    return EXIT.ok
  } catch (error) {
    if (!signal.aborted && !(error instanceof CalledOff)) {
      if (error instanceof ConfigError || codeOf(error) === undefined) throw error
      return failed(`${file} can’t be written: ${messageOf(error)}`)
    }
    say('') // after the question that nobody has answered
    return failed('stopped: nothing was written')
  }
}

class CalledOff extends Error {}

function occupied(file: string): string {
  return `${file} is there already, and stays as it is: name another file, or move this one away`
}

async function scanned(say: (line: string) => void, signal: AbortSignal): Promise<string[]> {
  say('looking what this machine has …')
  const { config } = await lookHere({}, signal)
  signal.throwIfAborted()
  // The machine itself stands last, and is taken whatever else there is.
  return sensorLines(config).filter((line) => !/^ {2}- \{ id: board, type: system \}/.test(line))
}

function answers(flags: InitFlags, folder: string): Given {
  const { id, url, username, passwordFile: path, output, input } = flags
  const inside = path === undefined ? '' : relative(folder, resolve(path))
  const passwordFile =
    path === undefined ? undefined : isAbsolute(inside) || inside.startsWith('..') ? resolve(path) : inside
  const pins = (all: readonly string[] | undefined) => all?.flatMap(pinAnswers)
  return { id, url, username, passwordFile, outputs: pins(output), inputs: pins(input) }
}

async function interview(
  draft: Draft,
  given: Given,
  found: readonly string[],
  { env, screen }: { readonly env: JudgeEnv; readonly screen: NodeJS.WriteStream },
  signal: AbortSignal,
): Promise<Draft> {
  const terminal = createInterface({ input: process.stdin, output: screen })
  const off = new AbortController()
  const over = AbortSignal.any([signal, off.signal])
  const callOff = (): void => off.abort(new CalledOff())
  terminal.on('SIGINT', callOff)
  terminal.on('close', callOff) // Ctrl-D, or the terminal has gone
  const person: Person = {
    ask: (question) => terminal.question(question, { signal: over }),
    tell: (line) => void screen.write(`${line}\n`),
  }
  try {
    return await askAll(person, draft, given, found, env)
  } catch (error) {
    throw over.aborted ? new CalledOff() : error
  } finally {
    terminal.off('close', callOff)
    terminal.close()
  }
}

/** Beside the configuration where there is one, as the installer links it; else the program's own. */
async function schemaFor(file: string): Promise<string> {
  return (await isThere(join(dirname(file), SCHEMA))) ? `./${SCHEMA}` : pathToFileURL(packageFile(SCHEMA)).href
}

function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}

/** Whole or not at all; false where somebody else's is there. */
async function create(path: string, text: string): Promise<boolean> {
  const file = await open(path, 'wx', MODE).catch((error: unknown) => {
    if (codeOf(error) === 'EEXIST') return undefined
    throw error
  })
  if (file === undefined) return false
  try {
    await file.writeFile(text)
    await file.sync()
    await file.close()
    // As root in a folder of the service's group, it is for that group to read.
    if (process.getuid?.() === 0) {
      const { gid } = await stat(dirname(path))
      await chown(path, 0, gid)
    }
    return true
  } catch (error) {
    await unlink(path)
    throw error
  }
}
