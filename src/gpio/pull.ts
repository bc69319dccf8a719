/** The resistor inside the chip that holds a wire which nothing drives. */

export const PULLS = ['up', 'down', 'none'] as const
export type Pull = (typeof PULLS)[number]

/** As the firmware's `gpio` setting names them (Raspberry Pi documentation, config.txt, GPIO control). */
const FIRMWARE: Readonly<Record<Pull, string>> = { up: 'pu', down: 'pd', none: 'pn' }

/** What to do about a pull that GPIO by sysfs can't set; line `N` where it is not known. */
export function pullRemedy(line: number | 'N', pull: Pull): string {
  const setting = `gpio=${line}=ip,${FIRMWARE[pull]}`
  return `write ${setting} into /boot/firmware/config.txt, reboot and remove pull, or set gpio.backend: chardev`
}
