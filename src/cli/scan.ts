/** `sensor-node scan`: what this machine has, and a configuration for it. Exits 0 also where there is nothing. */
import { userInfo } from 'node:os'
import { systemClock } from '../clock.ts'
import { loadKernel } from '../gpio/chardev-kernel.ts'
import { loadOptional } from '../optional.ts'
import type { User } from '../scan/access.ts'
import { scan as look, type ScanReport } from '../scan/scan.ts'
import { EXIT } from './exit-code.ts'
import { scanText } from './scan-text.ts'
import { untilSignal } from './signals.ts'

/** Options of `scan` as the command line gives them. */
export interface ScanFlags {
  readonly bus?: readonly number[]
  readonly quick?: boolean
  readonly json?: boolean
}

export async function scan(flags: ScanFlags): Promise<number> {
  const signal = untilSignal(() => process.stderr.write('stopping …\n'))
  const report = await lookHere(flags, signal)
  process.stdout.write(`${flags.json === true ? JSON.stringify(report, undefined, 2) : scanText(report)}\n`)
  return signal.aborted ? EXIT.failed : EXIT.ok
}

/** What this very machine has; also for `init`. */
export function lookHere({ bus, quick }: ScanFlags, signal: AbortSignal): Promise<ScanReport> {
  return look(
    {
      root: '/',
      load: loadOptional,
      clock: systemClock,
      kernel: () => loadKernel({}),
      user: currentUser(),
      buses: bus,
      quick: quick ?? false,
    },
    signal,
  )
}

function currentUser(): User {
  const uid = process.getuid?.() ?? 0
  const gids = [process.getgid?.() ?? 0, ...(process.getgroups?.() ?? [])]
  try {
    return { name: userInfo().username, uid, gids }
  } catch {
    return { name: String(uid), uid, gids } // a user id that no passwd entry names
  }
}
