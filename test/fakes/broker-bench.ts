/** What a test of the built agent stands on: a folder of its own, a real Mosquitto, and somebody who hears everything. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Mosquitto, startMosquitto } from './mosquitto.ts'
import { type Observer, observe } from './observer.ts'

export interface BrokerBench {
  readonly folder: string
  readonly mosquitto: Mosquitto
  readonly observer: Observer
}

/** `cleanups`: to be called from the last to the first. `name`: of the folder, for who finds one. `extra`: as `startMosquitto`. */
export async function brokerBench(
  cleanups: (() => unknown)[],
  name: string,
  extra?: readonly string[],
): Promise<BrokerBench> {
  const folder = await mkdtemp(join(tmpdir(), `sensor-node-${name}-`))
  cleanups.push(() => rm(folder, { recursive: true, force: true }))
  const mosquitto = await startMosquitto(extra)
  cleanups.push(() => mosquitto.stop())
  const observer = await observe(mosquitto.url)
  cleanups.push(() => observer.end())
  return { folder, mosquitto, observer }
}
