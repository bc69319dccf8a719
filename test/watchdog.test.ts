import { expect, it } from 'vitest'
import { createHealth } from '../src/health.ts'
import { createFeeding } from '../src/watchdog.ts'
import { FakeClock } from './fakes/fake-clock.ts'
import { recordLog } from './fakes/recording-log.ts'

const AWAY = { connected: false, reconnects: 3, lastError: 'nothing listens', queued: 9, dropped: {} }

it('feeds the watchdog while every loop beats, broker or not, and starves it for one that has stopped', async () => {
  const clock = new FakeClock()
  const health = createHealth(clock, () => AWAY)
  const { log, told } = recordLog()
  let fed = 0
  const watchdog = async (): Promise<void> => {
    fed += 1
  }
  const feed = createFeeding(health.stuck, { watchdog }, log)

  for (let second = 0; second < 60; second += 1) {
    health.beat('sensor attic', 5000)
    health.beat('health', 90_000)
    feed()
    await clock.advance(1000)
  }
  expect(fed).toBe(60)

  for (let second = 0; second < 30; second += 1) {
    feed() // attic has stopped
    await clock.advance(1000)
  }
  expect(fed).toBeLessThanOrEqual(65)
  expect(told('fatal')).toHaveLength(1)

  health.beat('sensor attic', 5000)
  const before = fed
  feed()
  expect(fed).toBe(before + 1)
})
