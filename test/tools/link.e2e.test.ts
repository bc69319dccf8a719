/** The connection of a tool, at a real broker. */
import { afterEach, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { mqttSchema } from '../../src/config/schema.ts'
import type { Incoming } from '../../src/telemetry.ts'
import { connectTool, type ToolLink, type ToolOptions } from '../../src/tools/link.ts'
import { freePort, type Mosquitto, startMosquitto } from '../fakes/mosquitto.ts'
import { describeWith } from '../fakes/tools.ts'

describeWith(['mosquitto'], 'the connection of a tool', () => {
  const cleanups: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const clean of cleanups.splice(0).reverse()) await clean()
  })

  const start = async (extra?: readonly string[]): Promise<Mosquitto> => {
    const mosquitto = await startMosquitto(extra)
    cleanups.push(() => mosquitto.stop())
    return mosquitto
  }

  /** Opens one, and gathers what it says and hears. */
  const open = async (url: string, more: Partial<ToolOptions> = {}) => {
    const heard: Incoming[] = []
    const lines: string[] = []
    const waiting = new Set<() => void>()
    const told = (): void => {
      for (const look of waiting) look()
    }
    const until = (fits: () => boolean): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!fits()) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      })
    const link: ToolLink = await connectTool(
      {
        name: 'test',
        mqtt: mqttSchema.parse({ url }),
        password: async () => undefined,
        filters: [{ filter: 'a/#', qos: 1 }],
        onMessage(message) {
          heard.push(message)
          told()
        },
        onConnected: told,
        onAway: told,
        say: (line) => {
          lines.push(line)
          told()
        },
        clock: systemClock,
        random: () => 0.1,
        root: '/',
        ...more,
      },
      new AbortController().signal,
    )
    cleanups.push(() => link.end())
    return { link, heard, lines, until }
  }
  const message = (payload: string, topic = 'a/b') => ({ topic, payload, qos: 1, retain: false }) as const

  it('hears what it publishes, whole where it is long', async () => {
    const { url } = await start()
    const { link, heard, until } = await open(url)
    const long = 'x'.repeat(100_000)
    await link.publish(message(long))
    await until(() => heard.length > 0)
    expect(Buffer.from(heard[0]?.payload ?? []).toString()).toBe(long)
    expect(link.protocol).toBe(5)
  })

  it('comes back with its subscriptions when the broker does, and says both once', async () => {
    const mosquitto = await start()
    const { link, heard, lines, until } = await open(mosquitto.url)
    await mosquitto.kill()
    await until(() => lines.length === 1)
    expect(link.connected).toBe(false)
    await expect(link.publish(message('lost'))).rejects.toThrow('away')
    await mosquitto.start()
    await until(() => link.connected)
    await link.publish(message('again'))
    await until(() => heard.length > 0)
    expect(lines.at(-1)).toContain('the broker is back')
  })

  it('a broker that is not there is an error, unless the tool is patient', async () => {
    const url = `mqtt://127.0.0.1:${await freePort()}`
    await expect(open(url)).rejects.toThrow('nothing listens')
    const { link, lines } = await open(url, { patient: true })
    expect(link.connected).toBe(false)
    expect(lines).toHaveLength(1)
    await link.end()
  })

  it('names flags where the person gave flags', async () => {
    const { url } = await start(['allow_anonymous false'])
    await expect(open(url)).rejects.toThrow('does not let this user in')
    const { lines, link } = await open(url, {
      patient: true,
      words: (text) => text.replace('mqtt.username', '--username'),
    })
    expect(lines[0]).toContain('--username')
    await link.end()
  })

  it('a session keeps what is published while the tool is away', async () => {
    const { url } = await start()
    const session = { clientId: 'logger-1', ms: 3_600_000 }
    const resumed: boolean[] = []
    const onConnected = (one: boolean): void => void resumed.push(one)
    const first = await open(url, { session, onConnected })
    await first.link.end()
    const other = await open(url, { filters: [] })
    await other.link.publish(message('while away'))
    const second = await open(url, { session, onConnected })
    await second.until(() => second.heard.length > 0)
    expect(resumed).toEqual([false, true])
    expect(second.heard.map(({ payload }) => Buffer.from(payload).toString())).toEqual(['while away'])
  })

  it('a message that was not taken is not acknowledged: it comes again', async () => {
    const { url } = await start()
    const session = { clientId: 'logger-2', ms: 3_600_000 }
    const taken: string[] = []
    let tries = 0
    const { link, until, lines } = await open(url, {
      session,
      async onMessage({ payload }) {
        tries += 1
        if (tries === 1) throw new Error('disk full')
        taken.push(Buffer.from(payload).toString())
      },
    })
    await link.publish(message('precious')).catch(() => undefined) // its own connection ends for it
    await until(() => lines.some((line) => line.includes('disk full')))
    await until(() => link.connected)
    await expect.poll(() => taken).toEqual(['precious'])
  })

  it('several messages wait for their handlers at once, and each is acknowledged when its own is done', async () => {
    const { url } = await start()
    const session = { clientId: 'logger-3', ms: 3_600_000 }
    const sender = await open(url, { filters: [{ filter: 'none', qos: 1 }] })
    const taken: string[] = []
    const release: (() => void)[] = []
    const { link } = await open(url, {
      session,
      onMessage: ({ payload }) => {
        taken.push(Buffer.from(payload).toString())
        return new Promise((resolve) => release.push(resolve))
      },
    })
    for (const payload of ['1', '2', '3', '4', '5']) await sender.link.publish(message(payload))
    await expect.poll(() => taken).toEqual(['1', '2', '3', '4', '5'])
    for (const done of release.slice(0, 2)) done()
    await link.publish(message('6')) // after the two acknowledgements, on the same connection
    await link.end()
    taken.length = 0
    await open(url, {
      session,
      onMessage: ({ payload }) => void taken.push(Buffer.from(payload).toString()),
    })
    await expect.poll(() => taken).toEqual(['3', '4', '5', '6'])
  })

  it('hears only news where only news is wanted', async () => {
    const { url } = await start()
    const { link } = await open(url)
    await link.publish({ ...message('old', 'b/1'), retain: true })
    const { heard, until } = await open(url, {
      random: () => 0.2,
      filters: [{ filter: 'b/#', qos: 1, only: 'news' }],
    })
    await link.publish({ ...message('new', 'b/1'), retain: true })
    await until(() => heard.length > 0)
    expect(heard.map(({ payload, retained }) => [Buffer.from(payload).toString(), retained])).toEqual([['new', false]])
  })

  it('ends with the signal, and says nothing', async () => {
    const { url } = await start()
    const { link, lines } = await open(url)
    await link.end()
    await link.ended
    expect(lines).toEqual([])
  })
})
