/** Writes docs/topics.md from the entries: a table of all topics, and a section with examples for each. */
import type { Message } from '../../src/telemetry.ts'
import { type Entry, genericTopic, PARTS } from './topic-entries.ts'

/** A payload of more characters is shown over several lines. */
const LONG = 300

/** The page, but for its beginning. */
export function topicsReference(): string {
  const rows = PARTS.flatMap(([, entries]) =>
    Object.values(entries)
      .filter(({ partOf }) => partOf === undefined)
      .flatMap((entry) => topicsOf(entry).map(({ topic, message }) => rowOf(entry, topic, message))),
  )
  const overview = [
    '| topic | who | payload | QoS | retained | expires (MQTT 5) |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')
  const sections = PARTS.flatMap(([title, entries]) => [
    `## ${title}`,
    ...Object.entries(entries).flatMap(([name, entry]) =>
      entry.partOf === undefined ? section(name, entry, entries) : [],
    ),
  ])
  return [overview, ...sections].join('\n\n')
}

/** The topics of an entry, each once, with its first message. */
function topicsOf({ messages }: Entry): { topic: string; message: Message }[] {
  const made = messages.flatMap((message) =>
    message === undefined ? [] : [{ topic: genericTopic(message.topic), message }],
  )
  return made.filter(({ topic }, index) => made.findIndex((one) => one.topic === topic) === index)
}

function rowOf({ heard: isHeard, varies }: Entry, topic: string, { qos, retain, expiresMs, payload }: Message): string {
  const who = topic.startsWith('loggers') ? 'a logger' : isHeard === true ? 'to the node' : 'the node'
  const kept = retain ? 'yes' : isHeard === true ? 'never' : 'no'
  const handled = varies === true ? ['as configured', 'as configured'] : [qos, kept]
  const kind = payload.startsWith('{') && varies !== true ? 'JSON' : 'text'
  return `| \`${topic}\` | ${[who, kind, ...handled, expiresMs === undefined ? '' : 'yes'].join(' | ')} |`
}

function section(name: string, entry: Entry, entries: Readonly<Record<string, Entry>>): string[] {
  const parts = Object.values(entries).filter(({ partOf }) => partOf === name)
  const shown = [entry, ...parts].flatMap(({ messages }) => messages.filter((message) => message !== undefined))
  const titles = topicsOf(entry).map(({ topic }) => `\`${topic}\``)
  const [first] = shown
  const long = first !== undefined && first.payload.length > LONG
  const example = long
    ? `\`\`\`json\n${spread(first.payload)}\n\`\`\``
    : `\`\`\`text\n${shown.map(({ topic, payload }) => `${topic} ${payload === '' ? '(empty)' : payload}`).join('\n')}\n\`\`\``
  const abouts = [entry, ...parts].map(({ about: text }) => text).filter((text) => text !== '')
  return [`### ${titles.join(', ')}`, `${abouts.join(' ')} ${handling(entry)}`.trim(), example]
}

/** JSON over several lines, but for lists of words. */
function spread(json: string): string {
  return JSON.stringify(JSON.parse(json), undefined, 2).replace(/\[\n\s+([^[\]{}]*?)\n\s+\]/g, (_, words: string) => {
    return `[${words.split(/\n\s*/).join(' ')}]`
  })
}

/** How it is to be had, in words. */
function handling({ messages, heard: isHeard, varies }: Entry): string {
  const [message] = messages
  if (message === undefined || varies === true) return ''
  if (isHeard === true) return `Heard at QoS ${message.qos}.`
  return `QoS ${message.qos}, ${message.retain ? 'retained' : 'not retained'}.`
}
