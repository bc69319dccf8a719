/**
 * One line of the header, requested from the character device: direction, level, pull and debouncing in one step. It
 * is ours while its file descriptor is open, and the kernel takes it back when that is closed or the process dies.
 */
import type { Clock } from '../clock.ts'
import { codeOf, GpioError, messageOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import { type Chip, describe, withHeaderChip } from './chardev-chip.ts'
import type { Kernel } from './chardev-kernel.ts'
import {
  decodeEvents,
  decodeLineFd,
  decodeLineInfo,
  decodeValue,
  EVENT_BYTES,
  encodeLineConfig,
  encodeLineQuestion,
  encodeLineRequest,
  encodeValues,
  GET_LINE,
  GET_LINEINFO,
  GET_VALUES,
  type InputSetup,
  type LineEvent,
  type LineInfo,
  type LineSetup,
  MOST_EVENTS,
  SET_CONFIG,
  SET_VALUES,
} from './chardev-uapi.ts'
import type { Level, OutputOptions } from './gpio.ts'
import { kindOfErrno, permissionRemedy } from './sysfs.ts'

/** The name that `gpioinfo` shows. */
const CONSUMER = 'sensor-node'

/** Edges that the kernel keeps while our event loop is busy: a second of chatter at 128 Hz; 48 bytes each. */
const EVENTS_KEPT = 128

/** What to do on a kernel that is too old. */
const OLD_KERNEL = 'the character device needs Linux 5.10 or later'

export interface ChardevDriver {
  readonly kernel: Kernel
  readonly clock: Clock
  readonly log: Logger
}

export class ChardevLine {
  readonly #kernel: Kernel
  readonly #line: number
  readonly #fd: number
  readonly #eventsKept: number
  #stopWatching = (): void => {}

  constructor(kernel: Kernel, line: number, fd: number, eventsKept: number) {
    this.#kernel = kernel
    this.#line = line
    this.#fd = fd
    this.#eventsKept = eventsKept
  }

  /** Logical; of an input that is debounced by the kernel, the settled level. @throws GpioError, `lost` with its chip */
  read(): Level {
    try {
      const bytes = encodeValues()
      this.#kernel.ioctl(this.#fd, GET_VALUES, bytes)
      return decodeValue(bytes)
    } catch (error) {
      throw lineError(this.#line, 'be read', error)
    }
  }

  /** Logical. @throws GpioError as `read` */
  write(level: Level): void {
    try {
      this.#kernel.ioctl(this.#fd, SET_VALUES, encodeValues(level))
    } catch (error) {
      throw lineError(this.#line, `be set to ${level}`, error)
    }
  }

  /** Sets it up anew, without letting go of it. @throws the kernel's error, unwrapped */
  configure(setup: LineSetup): void {
    this.#kernel.ioctl(this.#fd, SET_CONFIG, encodeLineConfig(setup))
  }

  /** The edges since the last call, in their order; what is more than the kernel keeps is missing, the oldest. @throws GpioError */
  events(): LineEvent[] {
    try {
      const bytes = Buffer.alloc(this.#eventsKept * EVENT_BYTES)
      return decodeEvents(bytes.subarray(0, this.#kernel.read(this.#fd, bytes)))
    } catch (error) {
      throw lineError(this.#line, 'tell its edges', error)
    }
  }

  /** Calls `ready` when there are edges or the line is gone. `ready` must not throw. @throws GpioError without epoll */
  watch(ready: () => void): void {
    try {
      this.#stopWatching = this.#kernel.watch(this.#fd, ready)
    } catch (error) {
      throw lineError(this.#line, 'be watched', error)
    }
  }

  /** From here on `events` returns at once. @throws the kernel's error, unwrapped */
  neverWait(): void {
    this.#kernel.neverWait(this.#fd)
  }

  /** Gives the line back: what the wire does then is the board's affair. Not to be called twice. */
  release(): void {
    this.#stopWatching()
    this.#kernel.close(this.#fd)
  }
}

/** Requests an input. @throws GpioError: `busy` with the name of the holder */
export function openInputLine(kernel: Kernel, line: number, setup: InputSetup): ChardevLine {
  return withLine(kernel, line, 'be opened as an input', (chip) => requestInput(kernel, chip, line, setup, EVENTS_KEPT))
}

/** Requests an input of which every event counts. @throws GpioError as `openInputLine` */
export function openCounterLine(kernel: Kernel, line: number, setup: InputSetup): ChardevLine {
  const open = (chip: Chip): ChardevLine => requestInput(kernel, chip, line, setup, MOST_EVENTS)
  return withLine(
    kernel,
    line,
    'be opened as a counter',
    open,
    `${OLD_KERNEL}; upgrade the system, or remove the counter`,
  )
}

/** Requests an output: it has its level from the moment that it is one. @throws GpioError as `openInputLine` */
export function openOutputLine(kernel: Kernel, line: number, { initial, activeLow }: OutputOptions): ChardevLine {
  return withLine(kernel, line, 'be opened as an output', (chip) => {
    if (initial === 'keep' && lineInfo(kernel, chip, line).output) return keep(kernel, chip, line, activeLow)
    const level = initial === 'keep' ? 0 : initial
    return request(kernel, chip, line, { direction: 'out', activeLow, level })
  })
}

/** An output that somebody left behind: taken as it is, read, and only then set to what it is already. */
function keep(kernel: Kernel, chip: Chip, line: number, activeLow: boolean): ChardevLine {
  const held = request(kernel, chip, line, { direction: 'as-is', activeLow })
  try {
    held.configure({ direction: 'out', activeLow, level: held.read() })
    return held
  } catch (error) {
    held.release()
    throw error
  }
}

function withLine(
  kernel: Kernel,
  line: number,
  doing: string,
  open: (chip: Chip) => ChardevLine,
  remedy?: string,
): ChardevLine {
  return withHeaderChip(kernel, (chip) => {
    if (line >= chip.lines) {
      const has = `${describe(chip)} has no line ${line}`
      throw new GpioError(
        'not-found',
        `GPIO${line} does not exist: ${has}; see pinout for what this board's header has`,
      )
    }
    try {
      return open(chip)
    } catch (error) {
      const consumer = codeOf(error) === 'EBUSY' ? consumerOf(kernel, chip, line) : undefined
      throw lineError(line, doing, error, consumer, remedy)
    }
  })
}

function request(kernel: Kernel, chip: Chip, line: number, setup: LineSetup, eventsKept = 0): ChardevLine {
  const bytes = encodeLineRequest(line, CONSUMER, eventsKept, setup)
  kernel.ioctl(chip.fd, GET_LINE, bytes)
  return new ChardevLine(kernel, line, decodeLineFd(bytes), eventsKept)
}

/** A line whose events can be asked for at any time. */
function requestInput(kernel: Kernel, chip: Chip, line: number, setup: InputSetup, eventsKept: number): ChardevLine {
  const held = request(kernel, chip, line, setup, eventsKept)
  try {
    held.neverWait()
    return held
  } catch (error) {
    held.release()
    throw error
  }
}

/** What the kernel tells of a line to anybody; it touches nothing. @throws the kernel's error, unwrapped */
export function lineInfo(kernel: Kernel, chip: Chip, line: number): LineInfo {
  const bytes = encodeLineQuestion(line)
  kernel.ioctl(chip.fd, GET_LINEINFO, bytes)
  return decodeLineInfo(bytes)
}

function consumerOf(kernel: Kernel, chip: Chip, line: number): string | undefined {
  try {
    return lineInfo(kernel, chip, line).consumer
  } catch {
    return undefined // that the line is busy is what counts
  }
}

/** Whatever went wrong with a line, as an error of ours. One of ours passes. `doing` reads 'be read'. */
function lineError(
  line: number,
  doing: string,
  error: unknown,
  consumer?: string,
  remedy = `${OLD_KERNEL}; set gpio.backend: onoff`,
): GpioError {
  if (error instanceof GpioError) return error
  const because = `GPIO${line} can't ${doing}: ${messageOf(error)}`
  const options = { cause: error }
  // Unknown requests are EINVAL (gpio_ioctl in drivers/gpio/gpiolib-cdev.c), and ours are well-formed.
  if (codeOf(error) === 'EINVAL') {
    return new GpioError('unsupported', `${because}; ${remedy}`, options)
  }
  const kind = kindOfErrno(error)
  if (kind === 'busy') return new GpioError(kind, `GPIO${line} ${holder(consumer)}`, options)
  if (kind === 'permission') return new GpioError(kind, `${because}; ${permissionRemedy(error)}`, options)
  return new GpioError(kind, kind === 'lost' ? `${because}; its chip is gone` : because, options)
}

function holder(consumer: string | undefined): string {
  if (consumer === undefined) return 'is held by another program or driver; gpioinfo lists who holds what'
  // What an agent with gpio.backend: onoff leaves behind on purpose.
  if (consumer === 'sysfs')
    return 'is held by "sysfs": a program exported it; unexport it below /sys/class/gpio, or reboot'
  return `is held by "${consumer}"; stop that, or use another pin`
}
