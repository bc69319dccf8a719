/** A backend in front of another one, whose outputs can be made to hang: a driver that does not come back. */
import type { Gpio } from '../../src/gpio/gpio.ts'

export interface StallingGpio extends Gpio {
  /** Reads and writes of the line wait from now on, until the returned function is called. */
  stall(line: number): () => void
}

export function createStallingGpio(inner: Gpio): StallingGpio {
  const gates = new Map<number, Promise<void>>()
  return {
    backend: inner.backend,
    input: (line, options) => inner.input(line, options),
    counter: (line, options) => inner.counter(line, options),
    async output(line, options) {
      const output = await inner.output(line, options)
      return {
        line,
        async read() {
          await gates.get(line)
          return await output.read()
        },
        async write(level) {
          const gate = gates.get(line)
          if (gate !== undefined) await gate
          await output.write(level)
        },
      }
    },
    release: (line) => inner.release(line),
    close: () => inner.close(),
    stall(line) {
      let open = (): void => {}
      gates.set(
        line,
        new Promise((resolve) => {
          open = resolve
        }),
      )
      return () => {
        gates.delete(line)
        open()
      }
    },
  }
}
