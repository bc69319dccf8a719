/** What systemd knows about the clock, whoever sets it: the kernel's own flag, which chrony and ntpd keep, too. */
import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'

/** It answers at once, or not at all. */
const TIMEOUT_MS = 2000

/** There while systemd runs the machine (sd_booted(3)): without it there is nobody who would answer the command. */
const BOOTED = 'run/systemd/system'

/** Whether the clock is synchronised; undefined where nobody knows. Never rejects. `root` stands for `/`. */
export async function askTimedatectl(root = '/'): Promise<boolean | undefined> {
  const booted = await stat(join(root, BOOTED)).catch(() => undefined)
  if (booted === undefined) return undefined
  return new Promise((resolve) => {
    const args = ['show', '-p', 'NTPSynchronized']
    execFile('timedatectl', args, { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' }, (error, stdout) => {
      const [, answer] = /^NTPSynchronized=(yes|no)$/m.exec(stdout) ?? []
      resolve(error !== null || answer === undefined ? undefined : answer === 'yes')
    })
  })
}
