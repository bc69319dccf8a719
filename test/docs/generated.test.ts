/** What `npm run docs` makes is what stands in the documents: tables from the schemas, the topics from `telemetry.ts`. */
import { writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { configReference, requestReference } from '../../src/config/reference.ts'
import { pathOf, textOf } from './documents.ts'
import { genericTopic, SAID_MESSAGES, telemetry } from './topic-entries.ts'
import { topicsReference } from './topics-reference.ts'

const GENERATED = [
  ['docs/configuration.md', 'the schema', configReference],
  ['docs/commands.md', 'the actions', requestReference],
  ['docs/topics.md', 'the code', topicsReference],
] as const

describe('what `npm run docs` makes', () => {
  it.each(GENERATED)('%s has what is made from %s', (file, source, make) => {
    const [begin, end] = ['begin', 'end'].map(
      (word) => `<!-- generated from ${source} by \`npm run docs\`: ${word} -->`,
    )
    const [before = '', rest = ''] = textOf(file).split(begin ?? '')
    const [, after = ''] = rest.split(end ?? '')
    const fresh = `${before}${begin}\n\n${make()}\n\n${end}${after}`
    if (process.env.SENSOR_NODE_WRITE === 'docs') writeFileSync(pathOf(file), fresh)
    expect(textOf(file)).toBe(fresh)
  })
})

describe('the topics', () => {
  const told = new Set(SAID_MESSAGES.map(({ topic }) => genericTopic(topic)))

  it('have all that the golden files have', () => {
    const lines = ['topics', 'counter', 'rules', 'requests', 'discovery'].flatMap((file) =>
      [...textOf(`test/golden/${file}.txt`).matchAll(/^(\S+) qos \d/gm)].map(([, topic = '']) => topic),
    )
    expect(lines.length).toBeGreaterThan(100)
    // A metric is called as its quantity is, an alert as the configuration says.
    const generic = (topic: string): string =>
      genericTopic(topic)
        .replace(/^(sensors\/.*\/)(?!data$|status$|alert$|<)[^/]+$/, '$1<metric>')
        .replace(/^(alerts\/.*\/)[^/]+$/, '$1<name>')
    expect([...new Set(lines.map(generic))].filter((topic) => !told.has(topic))).toEqual([])
  })

  it('are retained where the node knows that the broker keeps them', () => {
    const kept = [
      ...telemetry.keptNodeTopics,
      ...telemetry.keptSensorTopics(undefined, ['temperature']),
      ...telemetry.keptSensorTopics('attic', ['temperature']),
      ...telemetry.keptPinTopics(17, 'output'),
      ...telemetry.keptPinTopics(5, 'counter'),
      telemetry.alertTopic('high_temp'),
      telemetry.discoveryTopic('homeassistant'),
      'loggers/cellar/one',
    ]
    const retained = SAID_MESSAGES.filter(({ retain }) => retain).map(({ topic }) => genericTopic(topic))
    expect(new Set(retained)).toEqual(new Set(kept.map(genericTopic)))
  })
})
