/** What an output owes, on its way to the file that a restart reads. What it means to a pin: `outputs-restart.test.ts`. */
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { OutputTimes } from '../src/output-times.ts'
import { ordinary, PIN } from './fakes/output-bench.ts'
import { recordLog } from './fakes/recording-log.ts'

let folder: string
let file: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'times-'))
  file = join(folder, 'outputs.json')
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

const PULSE = { at: 5000, level: 0 } as const
const open = (): OutputTimes =>
  new OutputTimes({ folder, outputs: [{ ...ordinary(PIN), initial: 'last' }], log: recordLog().log })
const onFile = async (): Promise<unknown> => JSON.parse(await readFile(file, 'utf8')).pins[PIN]

it('what is noted is on file when the call returns, beside what was known, which it may take back', async () => {
  const times = open()
  times.note(PIN, { pulse: PULSE })
  times.note(PIN, { onSince: 1000, last: 1 })
  expect(await onFile()).toEqual({ pulse: PULSE, onSince: 1000, last: 1 })
  times.note(PIN, { pulse: undefined })
  expect(await onFile()).toEqual({ onSince: 1000, last: 1 })
  expect(times.of(PIN)).toEqual({ pulse: undefined, onSince: 1000, last: 1 })
})

it('what was known already is not written once more', async () => {
  const times = open()
  times.note(PIN, { pulse: PULSE, last: 1 })
  await rm(file)
  for (const news of [{}, { last: 1 }, { pulse: { ...PULSE } }, { onSince: undefined }] as const) times.note(PIN, news)
  expect(existsSync(file)).toBe(false)
  times.note(PIN, { last: 0 })
  expect(await onFile()).toEqual({ pulse: PULSE, last: 0 })
})
