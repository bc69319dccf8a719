/** What run.ts says: a line per test when it is over, what went wrong at the end of its file, and the sum of all. */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { File, Suite, Task, Test } from '@vitest/runner'

export interface Outcome {
  readonly files: File[]
  /** Errors that no test waited for. */
  readonly stray: readonly unknown[]
}

interface Failure {
  readonly name?: string
  readonly message?: string
  readonly diff?: string
  readonly stack?: string
  readonly cause?: unknown
}

const MARKS = { pass: '✓', fail: '×', skip: '↓' }
/** Frames of our own, as the others are those of what runs the tests. */
const OUR_FRAME = /\(?(?:file:\/\/)?(\/\S*\.vm\.js):(\d+):\d+\)?$/

const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** One test that has run. */
export function told(test: Test): void {
  const ms = Math.round(test.result?.duration ?? 0)
  say(` ${MARKS[stateOf(test)]} ${nameOf(test)} ${ms}ms`)
}

/** What did not run in a file, and why something in it failed. */
export function tell(file: File): void {
  for (const test of testsOf(file)) if (stateOf(test) === 'skip') say(` ${MARKS.skip} ${nameOf(test)}`)
  for (const task of all(file)) {
    for (const error of task.result?.errors ?? []) say(`\n FAIL ${nameOf(task)}\n${explain(error)}\n`)
  }
}

/** Sums up; whether all is well. */
export function total({ files, stray }: Outcome, ms: number): boolean {
  for (const error of stray) say(`\n An error that no test waited for:\n${explain(error as Failure)}\n`) // whatever was thrown
  const tests = files.flatMap(testsOf)
  const sound = (file: File): boolean =>
    all(file).every(({ result }) => result?.state !== 'fail' && !result?.errors?.length)
  const none = !tests.some((test) => stateOf(test) === 'pass')
  if (none) say('\n No test has run and passed')
  say(`\n Test files  ${count(files.map((file) => (sound(file) ? 'pass' : 'fail')))}`)
  say(`      Tests  ${count(tests.map(stateOf))}`)
  say(`   Duration  ${(ms / 1000).toFixed(2)}s\n`)
  return !none && stray.length === 0 && files.every(sound) && tests.every((test) => stateOf(test) !== 'fail')
}

/** An error that may be something else. */
export function fault(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

function all(suite: Suite | File): Task[] {
  return [suite, ...suite.tasks.flatMap((task) => (task.type === 'suite' ? all(task) : [task]))]
}

function testsOf(file: File): Test[] {
  return all(file).filter((task) => task.type === 'test')
}

/** One that was to run and has no result, as a hook before it failed, has failed. */
function stateOf({ mode, result }: Test): keyof typeof MARKS {
  if (result?.state === 'pass') return 'pass'
  return mode === 'skip' || mode === 'todo' || result?.state === 'skip' ? 'skip' : 'fail'
}

function nameOf(task: Task): string {
  const names: string[] = []
  for (let at: Task | undefined = task; at !== undefined && at !== task.file; at = at.suite ?? task.file)
    names.unshift(at.name)
  return [basename(task.file.filepath), ...names].join(' > ')
}

function count(states: readonly (keyof typeof MARKS)[]): string {
  const of = (state: string): number => states.filter((one) => one === state).length
  const parts = [
    { n: of('fail'), what: 'failed' },
    { n: of('pass'), what: 'passed' },
    { n: of('skip'), what: 'skipped' },
  ]
  return `${parts.flatMap(({ n, what }) => (n > 0 ? [`${n} ${what}`] : [])).join(' | ') || 'none'} (${states.length})`
}

function explain(error: Failure): string {
  const frames = String(error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
  const at = OUR_FRAME.exec(frames.find((line) => OUR_FRAME.test(line)) ?? '')
  const line =
    at === null
      ? []
      : [
          `    ${readFileSync(at[1] ?? '', 'utf8')
            .split('\n')
            [Number(at[2]) - 1]?.trim()}`,
        ]
  const cause = typeof error.cause === 'object' && error.cause !== null ? [`Caused by: ${explain(error.cause)}`] : []
  const head = error.message === undefined ? String(error) : `${error.name ?? 'Error'}: ${error.message}`
  return [head, ...(error.diff ? [error.diff] : []), ...line, ...frames, ...cause].join('\n')
}
