/** The real `mosquitto_sub`, listening to everything on the guest's broker. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { PATIENCE_MS } from './patience.ts'

export interface Message {
  readonly topic: string
  readonly payload: string
  readonly retained: boolean
}

export interface Subscriber {
  readonly messages: readonly Message[]
  /** The next one on this topic that the test accepts; with `past`, one that is here already will do. */
  until(topic: string, accepts?: string | RegExp, past?: 'past'): Promise<Message>
  clear(): void
  end(): Promise<void>
}

interface Knock {
  readonly topic: string
  /** Of mosquitto_pub. */
  readonly options: readonly string[]
}

/**
 * Resolves when the broker has confirmed the subscription.
 *
 * @param options of mosquitto_sub: which broker, and as whom
 * @param knock publishes on a topic that the test has no other use for, until that has made the round
 */
export async function subscribe(
  options: readonly string[] = [],
  knock: Knock = { topic: `test/subscribed/${Date.now()}`, options: [] },
): Promise<Subscriber> {
  const marker = knock.topic
  const child = spawn('mosquitto_sub', [...options, '-t', '#', '-F', '%r %t %p'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const messages: Message[] = []
  const looking = new Set<(message: Message) => void>()
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [, retained, topic = '', payload = ''] = /^([01]) (\S+) ?(.*)$/.exec(line) ?? []
    const message = { topic, payload, retained: retained === '1' }
    if (topic !== marker) messages.push(message)
    for (const look of looking) look(message)
  })
  const next = (accepts: (message: Message) => boolean, what: string): Promise<Message> =>
    new Promise((resolve, reject) => {
      const look = (message: Message): void => {
        if (!accepts(message)) return
        clearTimeout(timer)
        looking.delete(look)
        resolve(message)
      }
      const timer = setTimeout(() => {
        looking.delete(look)
        const last = messages.slice(-10).map((one) => `${one.topic} ${one.payload.slice(0, 100)}`)
        reject(new Error(`nothing like ${what} within ${PATIENCE_MS} ms; the last ones were:\n${last.join('\n')}`))
      }, PATIENCE_MS)
      looking.add(look)
    })
  // Nothing tells that mosquitto_sub is subscribed, but what it hears.
  const heard = next(({ topic }) => topic === marker, marker)
  const knocking = setInterval(() => publish(marker, '', ...knock.options), 200)
  try {
    await heard
  } finally {
    clearInterval(knocking)
  }
  return {
    messages,
    until(topic, accepts = /^/, past) {
      const fits = (message: Message): boolean =>
        message.topic === topic &&
        (typeof accepts === 'string' ? message.payload === accepts : accepts.test(message.payload))
      const before = past === 'past' ? messages.findLast(fits) : undefined
      return before === undefined ? next(fits, `${topic} ${accepts}`) : Promise.resolve(before)
    },
    clear() {
      messages.length = 0
    },
    end() {
      child.kill()
      return ended
    },
  }
}

/** The real `mosquitto_pub`. */
export function publish(topic: string, payload: string, ...options: readonly string[]): void {
  execFileSync('mosquitto_pub', ['-t', topic, '-m', payload, ...options])
}

/** Clears what the broker has kept of earlier tests. */
export function clearRetained(): void {
  // Ends with 27 (MOSQ_ERR_TIMEOUT of mosquitto.h) when nothing more comes.
  const { status } = spawnSync('mosquitto_sub', ['-t', '#', '--remove-retained', '--retained-only', '-W', '1'])
  if (status !== 0 && status !== 27) throw new Error(`mosquitto_sub ended with ${status}`)
}
