/** `reload`: the configuration file, loaded anew by whoever runs the agent. */
import { Refused } from '../errors.ts'
import { action, NONE } from './action.ts'

export const reload = action({
  summary: 'Loads the configuration file anew. Where it is wrong, nothing changes.',
  answers: '`changes`, or `problems` with the places in the file',
  args: NONE,
  waits: true,
  async run(_, node) {
    if (node.reload === undefined)
      throw new Refused('the configuration can’t be reloaded here: restart the agent instead')
    node.log.info('told to reload by a request')
    const reloaded = await node.reload()
    if (reloaded.ok) return { changes: reloaded.changes }
    const { problems } = reloaded
    return { error: `the file is wrong, and nothing was changed: ${problems[0] ?? 'see the log'}`, problems }
  },
})
