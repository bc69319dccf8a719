/**
 * One input pin with `mode: state` at work: opened, watched, its settled levels told, given back at the end. A pin that
 * can't be opened is tried again. The agent runs one of these per input.
 */
import { aborted, type Clock } from './clock.ts'
import type { StateInputConfig } from './config/schema.ts'
import { GpioError, messageOf } from './errors.ts'
import { FaultLog } from './faults.ts'
import type { Gpio, Level } from './gpio/gpio.ts'
import type { Logger } from './log.ts'
import type { Part } from './parts.ts'
import { keepTrying } from './reopen.ts'

export interface InputOptions {
  readonly gpio: Gpio
  readonly clock: Clock
  readonly log: Logger
  /** Its first level comes next, which is no change. */
  readonly onOpened: (pin: number) => void
  /** The first settled level and every change. */
  readonly onState: (pin: number, level: Level) => void
  /** A pin failed or came back; for health. */
  readonly onFault: (pin: number, reason: string | undefined) => void
}

/** Watches the pin until the signal aborts, and gives it back. It has started when the first try to open it is over. */
export async function watchInput(options: InputOptions, part: Part<StateInputConfig>): Promise<void> {
  const { pin, active_low: activeLow, debounce: debounceMs, pull } = part.config()
  const { gpio, clock, log, onOpened, onState, onFault } = options
  const { signal } = part
  const faults = new FaultLog(log, 'input')
  let open = false

  const failed = (error: Error): void => {
    if (signal.aborted) return
    const fault = error instanceof GpioError ? error : new GpioError('io', messageOf(error), { cause: error })
    faults.happened(fault, { pin, name: part.config().name })
    onFault(pin, fault.message)
  }
  const works = (): void => {
    if (faults.current === undefined) return
    faults.ended({ pin })
    onFault(pin, undefined)
  }
  const tryOpen = async (): Promise<boolean> => {
    try {
      const onChange = (level: Level): void => onState(pin, level)
      const input = await gpio.input(pin, {
        activeLow,
        debounceMs,
        pull,
        onChange,
        onFault: failed,
        onRecovered: works,
      })
      if (signal.aborted) {
        await gpio.release(pin) // nobody waited for it any more
        return true
      }
      open = true
      works()
      log.info({ pin, name: part.config().name, state: input.level }, 'input opened')
      onOpened(pin)
      onState(pin, input.level)
      return true
    } catch (error) {
      failed(error instanceof Error ? error : new Error(messageOf(error)))
      return false
    }
  }
  const opening = async (): Promise<void> => {
    const opened = await tryOpen()
    part.started()
    if (!opened) await keepTrying(tryOpen, clock, signal)
  }
  void opening()
  // A driver that hangs must not hold up the end.
  await aborted(signal)
  if (open) await gpio.release(pin)
  works()
}
