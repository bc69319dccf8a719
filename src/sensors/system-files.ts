/**
 * What the kernel's text files say about the machine: pure functions from a file's text to the quantities in it.
 * Text that is not exactly what the kernel writes (an error message, half a line, nothing) gives no quantity:
 * never 0, never a number picked out of a sentence. Called by `system.ts`.
 */
import type { Sample } from '../reading.ts'

/** `/proc/loadavg`, proc(5): three means, runnable/all tasks, last pid. */
export function loadAverages(text: string): Sample {
  const [, one, five, fifteen] = /^(\d+\.\d+) (\d+\.\d+) (\d+\.\d+) \d+\/\d+ \d+\n?$/.exec(text) ?? []
  if (one === undefined) return {}
  return { load_1m: Number(one), load_5m: Number(five), load_15m: Number(fifteen) }
}

/** `/proc/meminfo`, proc(5), kB. `MemAvailable` is what a new program could have without swapping (Linux 3.14). */
export function memoryUsed(text: string): Sample {
  const total = Number(/^MemTotal: +(\d+) kB$/m.exec(text)?.[1])
  const available = Number(/^MemAvailable: +(\d+) kB$/m.exec(text)?.[1])
  if (!(total > 0 && available <= total)) return {}
  return { memory_used: 100 * (1 - available / total) }
}

/** `/proc/uptime`, proc(5): seconds since the start, and the processors' idle seconds. */
export function uptime(text: string): Sample {
  const [, seconds] = /^(\d+\.\d+) \d+\.\d+\n?$/.exec(text) ?? []
  return seconds === undefined ? {} : { uptime: Number(seconds) }
}

/** `temp` of a thermal zone or `temp1_input` of hwmon, m°C (ABI/testing/sysfs-class-thermal, sysfs-class-hwmon). */
export function cpuTemperature(text: string): Sample {
  return /^-?\d{1,6}\n?$/.test(text) ? { cpu_temperature: Number(text) / 1000 } : {}
}

/**
 * `in0_lcrit_alarm` of the Raspberry Pi's hwmon driver (Documentation/hwmon/raspberrypi-hwmon.rst): 1 when the
 * supply was too low at any moment since the driver's last look, 2 s at most.
 */
export function underVoltage(text: string): Sample {
  return /^[01]\n?$/.test(text) ? { under_voltage: Number(text) } : {}
}

/** Bits 1 to 3, of what is so now: frequency capped, throttled, soft temperature limit. 16 and up tell of the past. */
const SLOWED_DOWN = 0b1110

/** `get_throttled`, hexadecimal; bits as in Raspberry Pi's documentation of `vcgencmd get_throttled`. */
export function throttled(text: string): Sample {
  if (!/^[\da-f]{1,8}\n?$/.test(text)) return {}
  return { throttled: (Number.parseInt(text, 16) & SLOWED_DOWN) === 0 ? 0 : 1 }
}

export interface WirelessRow {
  readonly name: string
  /** Absent where the interface has no connection, or its driver tells a percentage instead. */
  readonly signalDbm?: number
}

/** Below every receiver's noise floor; the kernel writes -256 for 'unknown'. */
const WEAKEST_DBM = -120

/**
 * `/proc/net/wireless` (net/wireless/wext-proc.c): name, status, quality, level, noise. An interface without a
 * connection has a row of zeros, a driver without dBm a level above 0.
 */
export function wirelessRows(text: string): WirelessRow[] {
  return text.split('\n').flatMap((line) => {
    const [, name, level] = /^ *([^\s:]+): +[\da-f]{4} +-?\d+[. ] +(-?\d+)[. ] /.exec(line) ?? []
    if (name === undefined) return []
    const dbm = Number(level)
    return [dbm >= WEAKEST_DBM && dbm < 0 ? { name, signalDbm: dbm } : { name }]
  })
}

/** Numbers of blocks, as statfs(2) gives them. */
export interface Space {
  readonly blocks: number
  readonly bfree: number
  readonly bavail: number
}

/** As df tells it: what root alone may use counts neither as used nor as free. */
export function diskUsed({ blocks, bfree, bavail }: Space): Sample {
  const used = blocks - bfree
  return used + bavail > 0 ? { disk_used: (100 * used) / (used + bavail) } : {}
}
