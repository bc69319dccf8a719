import { describe, expect, it } from 'vitest'
import { aborted } from '../src/clock.ts'
import { type Part, Parts } from '../src/parts.ts'
import { FakeClock, settled } from './fakes/fake-clock.ts'
import { recordLog } from './fakes/recording-log.ts'

interface Thing {
  readonly id: string
  /** What it can take in its stride. */
  readonly label?: string
  /** What it can't. */
  readonly size?: number
}

type Run = (part: Part<Thing>) => Promise<void>

/** Starts at once, and ends when told to. */
const ordinary: Run = async (part) => {
  part.started()
  await aborted(part.signal)
}

function setUp(run: Run = ordinary) {
  const clock = new FakeClock()
  const { log, told } = recordLog()
  const controller = new AbortController()
  const events: string[] = []
  const bugs: unknown[] = []
  const seen = new Map<string, Part<Thing>>()
  const parts = new Parts<Thing>(
    {
      ...{ clock, log, what: 'thing', keyOf: ({ id }) => id },
      goesOn: (running, next) => running.size === next.size,
      onBug: (error) => bugs.push(error),
      async run(part) {
        const { id, size = 0 } = part.config()
        seen.set(id, part)
        events.push(`+${id}${size}`)
        try {
          await run(part)
        } finally {
          events.push(`-${id}${size}`)
        }
      },
    },
    controller.signal,
  )
  const become = async (configs: Thing[]): Promise<void> => {
    await parts.retire(configs)
    await parts.start(configs)
  }
  return { parts, clock, told, controller, events, bugs, seen, become }
}

describe('parts', () => {
  it('are started once each, and not touched by a list that has them as they are', async () => {
    const { become, events } = setUp()
    await become([{ id: 'a' }, { id: 'b' }])
    await become([{ id: 'b' }, { id: 'a' }])
    expect(events).toEqual(['+a0', '+b0'])
  })

  it('that are gone from the list end, before those that are new begin', async () => {
    const { become, events, parts } = setUp()
    await become([{ id: 'a' }, { id: 'b' }])
    await become([{ id: 'b' }, { id: 'c' }])
    expect(events).toEqual(['+a0', '+b0', '-a0', '+c0'])
    expect([parts.has('a'), parts.has('b'), parts.has('c')]).toEqual([false, true, true])
  })

  it('that can take a change find it in their configuration; the others are replaced', async () => {
    const { become, events, seen } = setUp()
    await become([{ id: 'a' }, { id: 'b' }])
    await become([
      { id: 'a', label: 'new' },
      { id: 'b', size: 2 },
    ])
    expect(events).toEqual(['+a0', '+b0', '-b0', '+b2'])
    expect(seen.get('a')?.config()).toEqual({ id: 'a', label: 'new' })
  })

  it('have started when each has said so, or has ended', async () => {
    const gates: (() => void)[] = []
    const { parts } = setUp(async (part) => {
      if (part.config().id === 'short') return
      await new Promise<void>((resolve) => gates.push(resolve))
      part.started()
      await aborted(part.signal)
    })
    let over = false
    const started = parts.start([{ id: 'a' }, { id: 'short' }]).then(() => {
      over = true
    })
    await settled()
    expect(over).toBe(false)
    for (const open of gates) open()
    await started
  })

  it('one that does not end is left behind, and told', async () => {
    const { become, clock, told, events } = setUp(async (part) => {
      part.started()
      await new Promise(() => {})
    })
    await become([{ id: 'a' }])
    const done = become([{ id: 'a', size: 1 }])
    await clock.advance(5000)
    await done
    expect(events).toEqual(['+a0', '+a1'])
    expect(told('warn')).toEqual(['warn a thing does not end: going on without it'])
  })

  it('all end with the agent, those that are on their way out among them, and none begins any more', async () => {
    let open = (): void => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const { parts, become, controller, events } = setUp(async (part) => {
      await ordinary(part)
      if (part.config().id === 'slow') await gate
    })
    await become([{ id: 'a' }, { id: 'slow' }])
    const retiring = parts.retire([{ id: 'a' }])
    controller.abort()
    let ended = false
    const all = parts.ended().then(() => {
      ended = true
    })
    await settled()
    expect([ended, events]).toEqual([false, ['+a0', '+slow0', '-a0']])
    open()
    await Promise.all([all, retiring])
    await parts.start([{ id: 'late' }])
    expect(events).toEqual(['+a0', '+slow0', '-a0', '-slow0'])
  })

  it('what one throws is told as a bug, and nobody waits for its start', async () => {
    const { become, bugs } = setUp(async () => {
      throw new Error('broken')
    })
    await become([{ id: 'a' }])
    expect(bugs).toEqual([new Error('broken')])
  })
})
