/** The installed service, as systemctl shows it. */
import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { PATIENCE_MS } from './patience.ts'

export const CONFIG_FILE = '/etc/sensor-node/config.yaml'

export function systemctl(...args: readonly string[]): void {
  execFileSync('systemctl', args, { stdio: 'pipe' })
}

/** The values of properties of the unit, in the order in which they were asked for. */
export function property(...names: readonly string[]): string[] {
  const text = execFileSync('systemctl', ['show', 'sensor-node', '-p', names.join()], { encoding: 'utf8' })
  const values = new Map(
    text.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
  return names.map((name) => values.get(name) ?? `no property ${name}`)
}

/** A look is a process: with more of them the tests would wait for themselves. */
const LOOK_EVERY_MS = 500

/** Looks again and again: systemd tells nobody of such changes. */
export async function until(what: string, claim: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  while (!claim()) {
    if (performance.now() > end) expect.fail(`not within ${PATIENCE_MS} ms: ${what}`)
    await sleep(LOOK_EVERY_MS)
  }
}
