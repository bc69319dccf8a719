/** `sensor-node watch`: the newest value of every metric of every node, live. */
import { pause } from '../clock.ts'
import { ConfigError } from '../errors.ts'
import type { Size } from '../tools/frame.ts'
import { connectTool } from '../tools/link.ts'
import { printable } from '../tools/printable.ts'
import { createReadings, type Readings, type Row } from '../tools/readings.ts'
import { rowJson, rowLine, rowLines } from '../tools/row-text.ts'
import { parseSelection, type Selection } from '../tools/selection.ts'
import { createReader, filtersOf, type Meaning } from '../tools/topics.ts'
import type { BrokerFlags } from './broker-flags.ts'
import { EXIT } from './exit-code.ts'
import { createPrinter } from './printer.ts'
import { type Picture, showOn } from './screen.ts'
import { withBroker } from './with-broker.ts'

/** Options of `watch` as the command line gives them. */
export interface WatchFlags extends BrokerFlags {
  /** ms */
  readonly every?: number
  readonly json?: boolean
}

/** How often a terminal is drawn, ms. */
const REDRAW_MS = 1000
/** What the broker keeps is there after this, and nobody waits for the first lines. */
const FIRST_MS = 1000

/**
 * Shows until it is told to stop.
 *
 * @param wanted nodes and sensors; none: all
 * @throws ConfigError with all problems of the arguments, or of the configuration's `mqtt`
 */
export async function watch(wanted: readonly string[], flags: WatchFlags): Promise<number> {
  const chosen = wanted.length === 0 ? undefined : parseSelection(wanted)
  if (wanted.length > 0 && chosen === undefined) throw notChosen(wanted)
  return withBroker(flags, async (basics, signal, { topics, node: own }) => {
    const { clock } = basics
    const readings = createReadings()
    const meaningOf = createReader(topics)
    const onScreen = process.stdout.isTTY && flags.json !== true
    let notice = ''
    let away = false
    const say = (line: string): void => {
      if (onScreen) notice = line
      else basics.say(line)
    }
    const show = flags.json === true ? rowJson : rowLine
    const print = createPrinter(process.stdout, signal)
    const lines = (rows: readonly Row[]): string[] => rows.map((row) => show(row, clock.now()))
    const only = (rows: Row[]): Row[] => (chosen === undefined ? rows : rows.filter(chosen.has))
    const link = await connectTool(
      {
        ...basics,
        name: 'watch',
        say,
        filters: filtersOf(['devices', 'sensors', 'alerts', 'gpio'], topics).map((filter) => ({ filter, qos: 0 })),
        onMessage({ topic, payload, retained, expiresMs }) {
          const meaning = meaningOf(topic)
          if (meaning === undefined) return undefined
          const heard = { payload, retained, ...(expiresMs === undefined ? {} : { expiresMs }) }
          const told = meaning.node === undefined && meaning.kind !== 'pin' ? { ...meaning, node: own } : meaning
          if (chosen !== undefined && !mayShow(chosen, told)) return undefined
          const changed = only(readings.hear(topic, told, heard, clock.now()))
          return onScreen || flags.every !== undefined ? undefined : print(lines(changed))
        },
        onAway: () => {
          away = true
        },
        onConnected: () => {
          if (away) notice = '' // what was refused stays refused
          away = false
        },
      },
      signal,
    )
    if (onScreen) {
      const picture = ({ rows: room }: Size): Picture => {
        const rows = only(readings.rows(clock.now()))
        const counts = {
          ...(chosen === undefined ? readings.counts : countsOf(rows)),
          leftOut: readings.counts.leftOut,
        }
        const nothing = chosen !== undefined && rows.length === 0 ? [`nothing here fits ${wanted.join(' ')}`] : []
        return pictureOf(
          { rows, counts, nothing: nothing.map((line) => printable(line)) },
          room,
          clock.now(),
          notice || basics.mqtt.url,
        )
      }
      await showOn(process.stdout, { picture, everyMs: flags.every ?? REDRAW_MS, clock }, signal)
    } else if (flags.every !== undefined) {
      let waitMs = Math.min(flags.every, FIRST_MS)
      while (!signal.aborted) {
        await pause(clock, waitMs, signal)
        waitMs = flags.every
        if (!signal.aborted) await print(lines(only(readings.rows(clock.now()))))
      }
    }
    await link.ended
    const { leftOut } = readings.counts
    if (leftOut > 0) basics.say(`more topics than fit into this table: ${leftOut} messages left out`)
    return EXIT.ok
  })
}

function mayShow(chosen: Selection, meaning: Meaning): boolean {
  const sensor = 'sensor' in meaning ? meaning.sensor : undefined
  // What is said of a node as a whole may be about a sensor that is wanted.
  if (meaning.kind !== 'metric' && meaning.kind !== 'data') return true
  return chosen.mayHave(meaning.node ?? '', sensor)
}

function notChosen(wanted: readonly string[]): ConfigError {
  const problems = wanted
    .filter((one) => parseSelection([one]) === undefined)
    .map((one) => ({
      ...{ line: 0, column: 0, path: 'watch', message: `“${printable(one)}” names neither a node nor a sensor` },
      suggestion: 'it must be NODE, SENSOR, NODE/SENSOR or NODE/SENSOR/METRIC, with * for anything',
    }))
  return new ConfigError('command line', problems)
}

/** Of what is wanted alone. */
function countsOf(rows: readonly Row[]) {
  const nodes = new Map(rows.map(({ node, status }) => [node, status]))
  return {
    nodes: nodes.size,
    offline: [...nodes.values()].filter((status) => status === 'offline').length,
    values: rows.filter(({ value }) => value !== undefined).length,
    alerts: new Set(rows.flatMap(({ node, alerts }) => alerts.map((name) => `${node}/${name}`))).size,
  }
}

interface Shown {
  readonly rows: readonly Row[]
  readonly counts: Readings['counts']
  /** In place of rows. */
  readonly nothing: readonly string[]
}

/** What the screen shows. @param room lines that it has  @param title at its top */
function pictureOf({ rows, counts, nothing }: Shown, room: number, now: number, title: string): Picture {
  const { nodes, offline, values, alerts, leftOut } = counts
  const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`
  const parts = [
    counted(nodes, 'node') + (offline === 0 ? '' : ` (${offline} offline)`),
    counted(values, 'value'),
    counted(alerts, 'alert'),
    ...(leftOut === 0 ? [] : [`${leftOut} messages left out`]),
  ]
  const lines = rowLines(rows.slice(0, room), now)
  return {
    lines: [`${title}  ${parts.join(', ')}`, '', ...lines, ...nothing],
    total: rows.length + nothing.length + 3,
  }
}
