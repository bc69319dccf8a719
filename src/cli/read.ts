/** `sensor-node read`: every sensor of a configuration, or one, read once and shown. No broker, no pin of `gpio`. */
import { chooseSensors } from '../choose-sensors.ts'
import { systemClock } from '../clock.ts'
import { loadWithoutBroker } from '../config/load.ts'
import type { Config, SensorConfig } from '../config/schema.ts'
import { silentLog } from '../log.ts'
import { readOnce } from '../read-once.ts'
import { aboutOutcome, isGood, type Outcome } from '../read-outcome.ts'
import { QUANTITIES, type Quantity, type Rejection } from '../reading.ts'
import { EXIT } from './exit-code.ts'
import { findConfig } from './find-config.ts'
import { loadEnv } from './load-env.ts'
import { printWarnings } from './problems.ts'
import { untilSignal } from './signals.ts'
import { table } from './table.ts'

/** Options of `read` as the command line gives them. */
export interface ReadFlags {
  readonly config?: string
  readonly simulate?: boolean
  readonly json?: boolean
}

/**
 * Reads and prints. The exit code is 0 only where every value of every sensor is good.
 *
 * @param wanted id of a sensor; undefined: all
 * @throws ConfigError with all problems, but for those of the broker
 */
export async function read(wanted: string | undefined, flags: ReadFlags): Promise<number> {
  const file = await findConfig(flags.config)
  const { config, warnings } = await loadWithoutBroker(file, loadEnv())
  printWarnings(file, warnings)
  const chosen = choose(config, wanted)
  if ('problem' in chosen) {
    process.stderr.write(`${chosen.problem}\n`)
    return EXIT.failed
  }
  const signal = untilSignal(() => process.stderr.write('stopping …\n'))
  const options = { simulate: flags.simulate ?? false, clock: systemClock, log: silentLog(), root: '/' }
  const outcomes = await readOnce(chosen.sensors, options, signal)
  process.stdout.write(`${flags.json === true ? asJson(config, outcomes) : asTable(config, outcomes)}\n`)
  return outcomes.every(isGood) ? EXIT.ok : EXIT.failed
}

type Choice = { readonly sensors: readonly SensorConfig[] } | { readonly problem: string }

/** All sensors, or the one that is wanted. */
export function choose({ node, sensors }: Config, wanted: string | undefined): Choice {
  const named = sensors.map((config) => ({ config }))
  const chosen = chooseSensors(named, node.id, wanted)
  return 'problem' in chosen ? chosen : { sensors: chosen.sensors.map(({ config }) => config) }
}

/** A line for each value, or for the reason why there is none. */
export function asTable({ node }: Config, outcomes: readonly Outcome[]): string {
  const rows = outcomes.flatMap(({ config: { id, type }, reading, error }) => {
    const lines = reading === undefined ? [['failed', error?.message ?? 'not read']] : valuesOf(reading)
    return lines.map((line, index) => [...(index === 0 ? [id ?? node.id, type] : ['', '']), ...line])
  })
  return table([['SENSOR', 'TYPE', 'QUANTITY', 'VALUE'], ...rows])
}

function valuesOf({ values, rejected }: NonNullable<Outcome['reading']>): string[][] {
  const good = Object.entries(values).map(([name, value]) => [name, withUnit(name as Quantity, value)]) // a Sample's keys
  const bad = rejected.map((rejection) => [rejection.quantity, `refused: ${reasonOf(rejection)}`])
  const lines = [...good, ...bad]
  return lines.length > 0 ? lines : [['failed', 'it gave no value']]
}

function withUnit(quantity: Quantity, value: number): string {
  return `${value} ${QUANTITIES[quantity].unit}`.trimEnd()
}

function reasonOf({ quantity, value, reason }: Rejection): string {
  return reason === 'out-of-range' ? `${withUnit(quantity, value)} is out of range` : 'not a number'
}

/** `{"node":…,"sensors":[{"id":…,"type":…,"ok":true,"timestamp":…,"values":{…}}]}`; units are those of the topics. */
export function asJson({ node }: Config, outcomes: readonly Outcome[]): string {
  const sensors = outcomes.map(aboutOutcome)
  return JSON.stringify({ node: node.id, sensors }, undefined, 2)
}
