/** The input pins with `mode: state`: opened, watched, their settled levels told. A pin that can't be opened is tried again. */
import type { Clock } from './clock.ts'
import type { StateInputConfig } from './config/schema.ts'
import { GpioError, messageOf } from './errors.ts'
import { FaultLog } from './faults.ts'
import type { Gpio, Level } from './gpio/gpio.ts'
import type { Logger } from './log.ts'
import { keepTrying } from './reopen.ts'

export interface InputsOptions {
  readonly pins: readonly StateInputConfig[]
  readonly gpio: Gpio
  readonly clock: Clock
  readonly log: Logger
  /** The first settled level and every change. */
  readonly onState: (pin: number, level: Level) => void
  /** A pin failed or came back; for health. */
  readonly onFault: (pin: number, reason: string | undefined) => void
}

/** Opens every input once, and returns; those that failed are tried again until the signal aborts. */
export async function openInputs(options: InputsOptions, signal: AbortSignal): Promise<void> {
  await Promise.all(options.pins.map((config) => openInput(config, options, signal)))
}

async function openInput(config: StateInputConfig, options: InputsOptions, signal: AbortSignal): Promise<void> {
  const { pin, name, active_low: activeLow, debounce: debounceMs, pull } = config
  const { gpio, clock, log, onState, onFault } = options
  const faults = new FaultLog(log, 'input')

  const failed = (error: Error): void => {
    const fault = error instanceof GpioError ? error : new GpioError('io', messageOf(error), { cause: error })
    faults.happened(fault, { pin, name })
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
      works()
      log.info({ pin, name, state: input.level }, 'input opened')
      onState(pin, input.level)
      return true
    } catch (error) {
      failed(error instanceof Error ? error : new Error(messageOf(error)))
      return false
    }
  }
  if (!(await tryOpen())) void keepTrying(tryOpen, clock, signal)
}
