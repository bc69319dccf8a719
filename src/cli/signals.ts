/** Signals of the operating system as an AbortSignal. The first asks for an orderly end, the second exits at once. */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * The same signal again so soon is one and the same Ctrl-C: the terminal sends it to everybody, and npm passes its
 * own on to what it runs.
 */
const ECHO_MS = 100

/** Listens from now on. `onFirst` is told which signal it was. Exit code of the impatient end: 1. */
export function untilSignal(onFirst: (name: string) => void): AbortSignal {
  const controller = new AbortController()
  let first: { readonly name: string; readonly at: number } | undefined
  for (const name of SIGNALS) {
    process.on(name, () => {
      const now = performance.now()
      if (first === undefined) {
        first = { name, at: now }
        onFirst(name)
        controller.abort()
      } else if (first.name !== name || now - first.at > ECHO_MS) process.exit(1)
    })
  }
  return controller.signal
}
