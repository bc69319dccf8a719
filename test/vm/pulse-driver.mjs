/**
 * Pulses on a line of the simulator, from a process of its own: `node pulse-driver.mjs FILE PULSES HZ`, where FILE is
 * the `pull` of the line. Says at its end how fast they came, and the least time between two edges.
 */
import { openSync, writeSync } from 'node:fs'

const [file = '', pulses = '0', hz = '1'] = process.argv.slice(2)
const edges = 2 * Number(pulses)
const everyNs = 1e9 / Number(hz) / 2
/** The simulator's interrupt is deferred work: edges with no gap are one to everybody. */
const leastNs = Math.min(everyNs, 150_000)

const fd = openSync(file, 'w')
const levels = ['pull-up', 'pull-down']
const now = () => Number(process.hrtime.bigint())
const begin = now()
let last = begin
let closest = Number.POSITIVE_INFINITY
for (let edge = 0; edge < edges; edge += 1) {
  const due = begin + edge * everyNs
  while (now() < due || now() - last < leastNs);
  const at = now()
  if (edge > 0) closest = Math.min(closest, at - last)
  writeSync(fd, levels[edge % 2], 0)
  last = now()
}
const seconds = (last - begin) / 1e9
process.stdout.write(
  `${edges / 2} pulses at ${Math.round(edges / 2 / seconds)} Hz, edges at least ${Math.round(closest / 1000)} µs apart\n`,
)
