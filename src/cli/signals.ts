/**
 * Signals of the operating system as an AbortSignal. The first asks for an orderly end, the second exits at once. SIGHUP
 * is a terminal that hung up, and one of these; to a service, which has no terminal, it says: load your configuration.
 */

const ENDS = ['SIGINT', 'SIGTERM'] as const
const HANG_UP = 'SIGHUP'

/**
 * The same signal again so soon is one and the same Ctrl-C: the terminal sends it to everybody, and npm passes its
 * own on to what it runs.
 */
const ECHO_MS = 100

/**
 * Listens from now on. Exit code of the impatient end: 1.
 *
 * @param onFirst is told which signal it was  @param onHangUp of a service: is called at each SIGHUP, which ends nothing
 */
export function untilSignal(onFirst: (name: string) => void, onHangUp?: () => void): AbortSignal {
  const controller = new AbortController()
  let first: { readonly name: string; readonly at: number } | undefined
  if (onHangUp !== undefined) process.on(HANG_UP, onHangUp)
  for (const name of onHangUp === undefined ? [...ENDS, HANG_UP] : ENDS) {
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
