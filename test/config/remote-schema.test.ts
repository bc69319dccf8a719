import { describe, expect, it } from 'vitest'
import { describe as describeConfig } from '../../src/cli/check.ts'
import { parseConfig } from '../../src/config/load.ts'
import { ACTION_NAMES } from '../../src/requests/index.ts'
import { told } from './told.ts'

const file = (remote: string): string => `sensors: [{ type: system }]\n${remote}\n`
const remoteOf = (remote: string, env: Record<string, string> = {}) =>
  parseConfig(file(remote), '/x/config.yaml', { env, hostname: 'rpi001' }).config?.remote
const problemsOf = (remote: string) => told(file(remote), {}).problems

describe('remote', () => {
  it.each(['', 'remote: false'])('is off with “%s”', (remote) => {
    expect(problemsOf(remote)).toEqual([])
    expect(remoteOf(remote)).toBeUndefined()
  })

  it('allows none where none is listed', () => {
    expect(remoteOf('remote: { actions: [] }')).toEqual({ actions: [] })
  })

  it('allows all actions, or those that are listed', () => {
    expect(remoteOf('remote: true')).toEqual({ actions: ACTION_NAMES })
    expect(remoteOf('remote: { actions: [ping, read] }')).toEqual({ actions: ['ping', 'read'] })
    // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how a configuration names a variable
    expect(remoteOf('remote: ${REMOTE}', { REMOTE: 'true' })).toEqual({ actions: ACTION_NAMES })
  })

  it.each([
    ['remote: yes', '2:9 remote: must be true, false, or a section with actions; it is yes (did you mean true?)'],
    ['remote: ping', '2:9 remote: must be true, false, or a section with actions; it is ping'],
    ['remote: [ping]', '2:1 remote: must be true, false, or a section with actions; it is a list'],
    ['remote:', '2:1 remote: lacks actions, which must be a list, each entry after "- "'],
    ['remote: {}', '2:1 remote: lacks actions, which must be a list, each entry after "- "'],
    [
      'remote: { actions: [pnig] }',
      '2:21 remote.actions[0]: must be ping, info, read, log_level or reload; it is pnig (did you mean ping?)',
    ],
    ['remote: { actoins: [ping] }', '2:11 remote.actoins: unknown key (did you mean actions?)'],
    ['remtoe: true', '2:1 remtoe: unknown key (did you mean remote?)'],
  ])('is refused as “%s”, and is off then', (remote, problem) => {
    expect(problemsOf(remote)).toEqual([problem])
  })

  it('is told by check, with the topic', () => {
    const { config } = parseConfig(file('remote: { actions: [ping, info] }'), '/x', { env: {}, hostname: 'rpi001' })
    expect(config && describeConfig(config, '')).toMatch(/requests +devices\/rpi001\/request: ping, info/)
    const { config: off } = parseConfig(file(''), '/x', { env: {}, hostname: 'rpi001' })
    expect(off && describeConfig(off, '')).not.toContain('request')
  })
})
