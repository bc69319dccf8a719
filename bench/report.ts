/** What was measured, as data for machines and as a table for people. Pure. */
import { type Round, ratiosOf, type Spread, spreadOf, valuesOf } from './arithmetic.ts'
import type { Absent } from './contestants.ts'
import type { Figure, Suite } from './suite.ts'
import { targetOf, verdict } from './targets.ts'

export interface Row {
  readonly figure: string
  readonly label: string
  readonly unit: string
  /** By contestant. */
  readonly values: Readonly<Record<string, Spread>>
  /** Agent over bare, of the rounds of both. */
  readonly ratio?: Spread
  /** The other agent, if there is one, over bare; and this one over that one. */
  readonly before?: Spread
  readonly change?: Spread
  readonly target?: number
  readonly stretch?: number
  readonly verdict?: string
}

export interface SuiteReport {
  readonly suite: string
  readonly about: string
  readonly rounds: readonly Round[]
  readonly rows: readonly Row[]
  /** Who did not do the job, and why. */
  readonly failures: readonly string[]
}

export interface Report {
  readonly node: string
  readonly machine: string
  readonly absent: readonly Absent[]
  readonly suites: readonly SuiteReport[]
}

/** @param major of the Node.js that was measured */
export function reportOf(
  suite: Suite,
  rounds: readonly Round[],
  failures: readonly string[],
  major: number,
): SuiteReport {
  const rows = suite.figures.map((figure) => rowOf(suite.name, figure, rounds, major))
  return { suite: suite.name, about: suite.about, rounds, rows, failures }
}

function rowOf(suite: string, { key, label, unit }: Figure, rounds: readonly Round[], major: number): Row {
  const names = [...new Set(rounds.flatMap((round) => Object.keys(round)))]
  const values = names.flatMap((name) => {
    const spread = spreadOf(valuesOf(rounds, name, key))
    return spread === undefined ? [] : [[name, spread] as const]
  })
  const target = targetOf(suite, key, major)
  const ratio = spreadOf(ratiosOf(rounds, key, 'agent', 'bare'))
  const before = spreadOf(ratiosOf(rounds, key, 'before', 'bare'))
  const change = spreadOf(ratiosOf(rounds, key, 'agent', 'before'))
  const held = target?.to === 'bare' ? ratio : spreadOf(valuesOf(rounds, 'agent', key))
  return {
    ...{ figure: key, label, unit, values: Object.fromEntries(values) },
    ...(ratio === undefined ? {} : { ratio }),
    ...(before === undefined ? {} : { before }),
    ...(change === undefined ? {} : { change }),
    ...(target === undefined ? {} : { target: target.target, verdict: verdict(target, held?.median ?? Number.NaN) }),
    ...(target?.stretch === undefined ? {} : { stretch: target.stretch }),
  }
}

export function tableOf({ node, machine, absent, suites }: Report, figures: ReadonlyMap<string, Figure>): string {
  const lines = [
    `Node.js ${node}, ${machine}. Figures: median of the rounds. Ratio: median of agent/bare of each round, min..max.`,
  ]
  for (const { name, why } of absent) lines.push(`${name}: not installed (${why})`)
  for (const { suite, about, rounds, rows, failures } of suites) {
    const names = [...new Set(rounds.flatMap((round) => Object.keys(round)))]
    const compared = names.includes('before')
    const head = ['', ...names, 'ratio', ...(compared ? ['before', 'agent/before'] : []), 'target', 'stretch', '']
    const body = rows.map((row) => {
      const digits = figures.get(`${suite} ${row.figure}`)?.digits ?? 1
      const value = (name: string): string => row.values[name]?.median.toFixed(digits) ?? '–'
      return [
        `${row.label}, ${row.unit}`,
        ...names.map(value),
        shown(row.ratio),
        ...(compared ? [shown(row.before), shown(row.change)] : []),
        row.target?.toFixed(2) ?? '',
        row.stretch?.toFixed(2) ?? '',
        row.verdict ?? '',
      ]
    })
    lines.push('', `${suite}: ${about}; ${rounds.length} ${rounds.length === 1 ? 'round' : 'rounds'}`)
    lines.push(...aligned([head, ...body]), ...failures.map((failure) => `  could not be measured: ${failure}`))
  }
  return lines.join('\n')
}

function shown(spread: Spread | undefined): string {
  if (spread === undefined) return '–'
  return `${spread.median.toFixed(2)} (${spread.min.toFixed(2)}..${spread.max.toFixed(2)})`
}

/** The first and the last column to the left, the others to the right. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) => {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0
      return column === 0 || column === row.length - 1 ? cell.padEnd(width) : cell.padStart(width)
    })
    return `  ${cells.join('  ')}`.trimEnd()
  })
}
