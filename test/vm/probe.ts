/**
 * A probe at some wires: looks at the simulator's lines a hundred times a second, and notes each change. What falls
 * between two looks is for wire-trace.ts to see; a probe that never rests would take the processor from who is watched.
 */
import { Worker } from 'node:worker_threads'
import { folder } from './hardware.ts'

export interface Probe {
  /** Ends the probe: for each wire the levels that it has had, in order, without repeats. */
  end(): Promise<string[]>
}

/** Looks until it is told to stop: a thread that does nothing else, as the tests' own has other things to do. */
const LOOK = `
const { closeSync, openSync, readSync } = require('node:fs')
const { parentPort, workerData } = require('node:worker_threads')
const { done, everyMs } = workerData
const files = workerData.files.map((file) => openSync(file))
const byte = Buffer.alloc(1)
const level = (file) => readSync(file, byte, 0, 1, 0) === 1 ? byte.toString() : '?'
for (let last = ''; Atomics.load(done, 0) === 0; Atomics.wait(done, 0, 0, everyMs)) {
  const now = files.map(level).join('')
  if (now !== last) parentPort.postMessage(now)
  last = now
}
files.forEach((file) => closeSync(file))`
const EVERY_MS = 10

/** Resolves when it has looked for the first time. */
export async function probe(lines: readonly number[]): Promise<Probe> {
  const done = new Int32Array(new SharedArrayBuffer(4))
  const files = lines.map((line) => `${folder(line)}/value`)
  const thread = new Worker(LOOK, { eval: true, workerData: { files, done, everyMs: EVERY_MS } })
  const looks: string[] = []
  const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    thread.once('error', reject)
    thread.on('message', (levels) => {
      looks.push(levels)
      resolve()
    })
  })
  return {
    async end() {
      Atomics.store(done, 0, 1)
      Atomics.notify(done, 0)
      await ended
      return lines.map((_, index) => looks.map((levels) => levels.charAt(index)).reduce(withoutRepeat, ''))
    },
  }
}

function withoutRepeat(levels: string, level: string): string {
  return levels.endsWith(level) ? levels : levels + level
}
