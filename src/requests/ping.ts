/** `ping`: is anybody there, and since when. */
import { action, NONE } from './action.ts'

export const ping = action({
  summary: 'Is the node there?',
  answers: '`run`, and `uptime` of the agent in seconds',
  args: NONE,
  run: (_, { run, uptimeMs }) => ({ run, uptime: Math.round(uptimeMs() / 1000) }),
})
