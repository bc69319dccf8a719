/** `log_level`: says more or less in the log, until the next start. */
import { z } from 'zod'
import { LOG_LEVELS } from '../log-level.ts'
import { action } from './action.ts'

const LEVEL = `"level" must be one of ${LOG_LEVELS.join(', ')}`

export const logLevel = action({
  summary: 'Says more or less in the log, until the next start.',
  answers: '`old` and `new`',
  args: () => z.object({ level: z.enum(LOG_LEVELS, { error: LEVEL }).describe(`one of ${LOG_LEVELS.join(', ')}`) }),
  run({ level }, { log }) {
    const old = log.level
    const tell = (): void => log.info({ old, new: level }, 'log level changed by a request')
    const quieter = log.levels.values[level] === undefined || log.levels.values[level] > (log.levels.values[old] ?? 0)
    if (quieter) tell() // the last thing that is said at the old level
    log.level = level
    if (!quieter) tell()
    return { old, new: level }
  },
})
