/** What systemd knows about the clock, whoever sets it: the kernel's own flag, which chrony and ntpd keep, too. */
import { execFile } from 'node:child_process'

/** It answers at once, or not at all. */
const TIMEOUT_MS = 2000

/** Whether the clock is synchronised; undefined where nobody knows. Never rejects. */
export function askTimedatectl(): Promise<boolean | undefined> {
  return new Promise((resolve) => {
    const args = ['show', '-p', 'NTPSynchronized']
    execFile('timedatectl', args, { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' }, (error, stdout) => {
      const [, answer] = /^NTPSynchronized=(yes|no)$/m.exec(stdout) ?? []
      resolve(error !== null || answer === undefined ? undefined : answer === 'yes')
    })
  })
}
