/** The chip that the 40-pin header hangs on, and what to do on a machine without one. Used by every real backend. */

/** Labels of Pi 5; Pi 4, 400 and CM4; Pi 0 to 3. Drivers: pinctrl-rp1, pinctrl-bcm2835. */
export const HEADER_LABELS: readonly string[] = ['pinctrl-rp1', 'pinctrl-bcm2711', 'pinctrl-bcm2835']

export const INSTEAD = 'run with --simulate or set gpio.backend: mock'
