/**
 * `npm run bench`: the built agent beside its floors, in one run, on loopback. A benchmark is no test: exit status 0 whatever
 * the ratios are; 1 where a suite could not be run; 130 or 143 where it was told to end. Ends by itself, and with it all its
 * children.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startBroker } from './broker.ts'
import { buildWhereStale } from './built.ts'
import { type Contestant, gather, type Job } from './contestants.ts'
import { HELP, type Options, readOptions } from './options.ts'
import { killAll, start } from './process.ts'
import { reportOf, type SuiteReport, tableOf } from './report.ts'
import { play } from './rounds.ts'
import type { Bench, Suite } from './suite.ts'
import { SUITES } from './suites.ts'

/** The compiled file lies in bench/build. */
const TOP = fileURLToPath(new URL('../..', import.meta.url))
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

const folder = mkdtempSync(join(tmpdir(), 'sensor-node-bench-'))
// Whatever happens, nothing is left: neither a process nor a file.
process.once('exit', () => {
  killAll()
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
})
const stopping = new AbortController()
for (const [signal, code] of Object.entries(SIGNALS)) {
  process.once(signal, () => {
    stopping.abort()
    process.exit(code)
  })
}

try {
  process.exitCode = await main(readOptions(process.argv.slice(2)))
} catch (error) {
  say(`bench: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}
process.exit()

async function main(options: Options): Promise<number> {
  if (options.help) {
    process.stdout.write(HELP)
    return 0
  }
  const suites = chosen(options.suites)
  if (options.build) buildWhereStale(TOP)
  const [program = options.node, ...before] = [...options.by, options.node]
  const told = execFileSync(program, [...before, '-p', 'process.version + " " + process.arch'], { encoding: 'utf8' })
  const [version = '', architecture = ''] = told.trim().split(' ')
  const major = Number(/^v(\d+)/.exec(version)?.[1])
  const { present, absent } = await gather({ ...options, top: TOP, folder: join(folder, 'floors') })
  for (const { name, why } of absent) say(`${name} does not take part: ${why}`)
  const broker = await startBroker(folder)
  const bench: Bench = {
    ...{ broker, folder, say, options, signal: stopping.signal },
    async begin(contestant: Contestant, job: Job, own = 'any') {
      const place = join(folder, contestant.name, own)
      mkdirSync(place, { recursive: true })
      return start(await contestant.program(job, place), place)
    },
  }
  const reports: SuiteReport[] = []
  for (const suite of suites) {
    const { rounds, failures } = await play(suite, present, options.rounds ?? suite.rounds, bench)
    reports.push(reportOf(suite, rounds, failures, major))
  }
  await broker.child.end()
  const [processor] = cpus()
  const report = {
    node: `${version} (${architecture}${options.by.length > 0 ? ', emulated' : ''})`,
    machine: `${cpus().length} × ${processor?.model.trim() ?? 'unknown'}`,
    absent,
    suites: reports,
  }
  const figures = new Map(
    suites.flatMap((suite) => suite.figures.map((figure) => [`${suite.name} ${figure.key}`, figure])),
  )
  process.stdout.write(`${options.json ? JSON.stringify(report, undefined, 2) : tableOf(report, figures)}\n`)
  return reports.some(({ failures }) => failures.length > 0) ? 1 : 0
}

function chosen(names: readonly string[] | undefined): readonly Suite[] {
  if (names === undefined) return SUITES.filter(({ onRequest }) => onRequest === undefined)
  return names.map((name) => {
    const suite = SUITES.find((one) => one.name === name)
    if (suite !== undefined) return suite
    throw new Error(`there is no suite ${name}; there are ${SUITES.map((one) => one.name).join(', ')}`)
  })
}

/** To standard error: standard output is for the results. */
function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
