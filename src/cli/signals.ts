/** Signals of the operating system as an AbortSignal. The first asks for an orderly end, the second exits at once. */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Listens from now on. `onFirst` is told which signal it was. Exit code of the impatient end: 1. */
export function untilSignal(onFirst: (name: string) => void): AbortSignal {
  const controller = new AbortController()
  for (const name of SIGNALS) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(1)
      onFirst(name)
      controller.abort()
    })
  }
  return controller.signal
}
