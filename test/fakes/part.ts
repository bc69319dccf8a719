/** A part of the agent that a test runs without the others. */
import type { Part } from '../../src/parts.ts'

export function partOf<C>(config: C, signal: AbortSignal, started = (): void => {}): Part<C> {
  return { config: () => config, signal, started }
}
