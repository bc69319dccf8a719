import { expect, it } from 'vitest'
import { outboxPlace } from '../../src/cli/outbox-place.ts'
import { parseConfig } from '../../src/config/load.ts'
import { DriverUnavailableError } from '../../src/errors.ts'
import { loadLevel } from '../../src/outbox/level-store.ts'

it('the outbox is in memory where its package is not to be had, and check says why', () => {
  const text = 'sensors: [{ type: system }]\noutbox: { path: /data/kept }\n'
  const { config } = parseConfig(text, '/x.yaml', { env: {}, hostname: 'n1' })
  if (config === undefined) throw new Error('the configuration is good')
  const absent = () =>
    loadLevel(() => {
      throw new DriverUnavailableError('classic-level', 'it is not installed', 'run npm ci')
    })
  expect(outboxPlace(config.outbox, undefined, absent)).toBe(
    'in memory only, at most 10000 records: driver classic-level is unavailable: it is not installed; run npm ci',
  )
  expect(outboxPlace(config.outbox, undefined, () => {})).toBe('/data/kept, by outbox.path, at most 1000000 records')
})
