/** Lines on standard output, no faster than whoever reads them: what is not read yet must not pile up here. */

/** What of `process.stdout` is used. */
export interface Reader {
  write(text: string): boolean
  once(event: 'drain', listener: () => void): unknown
}

/** Makes the function that prints. It gives a promise where the reader is slow: the next lines are to wait for it, or the signal. */
export function createPrinter(
  reader: Reader,
  signal: AbortSignal,
): (lines: readonly string[]) => Promise<void> | undefined {
  return (lines) => {
    if (lines.length === 0 || reader.write(`${lines.join('\n')}\n`)) return undefined
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done)
        resolve()
      }
      reader.once('drain', done)
      signal.addEventListener('abort', done, { once: true })
    })
  }
}
