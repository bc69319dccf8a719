import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Logger } from '../src/log.ts'
import { createNotifier } from '../src/systemd.ts'
import { FakeClock } from './fakes/fake-clock.ts'

/** Stands in for the command: tells the test how it was called, and ends the way that the test says. */
const COMMAND = `#!${process.execPath}
const socket = require('node:net').connect(process.env.FAKE_SYSTEMD)
socket.write(JSON.stringify(process.argv.slice(2)) + '\\n')
let answer = ''
socket.on('data', (chunk) => { answer += chunk })
socket.on('end', () => {
  const { code, says } = JSON.parse(answer || '{"code":0,"says":""}')
  process.stderr.write(says, () => process.exit(code))
})
`

const PID = 4711

/** One run of the command. It goes on until it is ended or killed. */
interface Call {
  readonly args: readonly string[]
  end(code?: number, says?: string): void
  readonly gone: Promise<void>
}

/** The far end of the command: runs are handed out in the order in which they began. */
class Systemd {
  calls = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #begun: Call[] = []
  readonly #takers: ((call: Call) => void)[] = []

  constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#meet(socket))
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => this.#server.once('error', reject).listen(path, resolve))
  }

  /** The next run of the command, when it has begun. */
  next(): Promise<Call> {
    const call = this.#begun.shift()
    return call === undefined ? new Promise((resolve) => this.#takers.push(resolve)) : Promise.resolve(call)
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #meet(socket: Socket): void {
    this.#sockets.add(socket)
    const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    socket.on('error', () => {}) // killed: 'close' follows
    socket.on('end', () => socket.end())
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString()
      if (!text.endsWith('\n')) return
      this.calls += 1
      const call = {
        args: JSON.parse(text),
        gone,
        end: (code = 0, says = '') => void socket.end(JSON.stringify({ code, says })),
      }
      const taker = this.#takers.shift()
      if (taker === undefined) this.#begun.push(call)
      else taker(call)
    })
  }
}

function recordingLog(): { log: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = []
  const log = pino(
    { level: 'info', base: null, timestamp: false },
    { write: (line: string) => lines.push(JSON.parse(line)) },
  )
  return { log, lines }
}

let folder: string
let systemd: Systemd
const { PATH } = process.env

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'systemd-'))
  systemd = new Systemd()
  await systemd.listen(join(folder, 'socket'))
  await writeFile(join(folder, 'systemd-notify'), COMMAND)
  await chmod(join(folder, 'systemd-notify'), 0o755)
  process.env.PATH = `${folder}:${PATH}`
  process.env.FAKE_SYSTEMD = join(folder, 'socket')
})

afterEach(async () => {
  process.env.PATH = PATH
  delete process.env.FAKE_SYSTEMD
  await systemd.close()
  await rm(folder, { recursive: true })
})

function start(env: Record<string, string | undefined> = {}) {
  const clock = new FakeClock()
  const { log, lines } = recordingLog()
  const notifier = createNotifier({ env: { NOTIFY_SOCKET: '/run/systemd/notify', ...env }, pid: PID, clock, log })
  return { notifier, clock, lines }
}

describe('what is sent', () => {
  it('readiness goes out with the status and the pid of the service, in one message', async () => {
    const { notifier, lines } = start()
    const sent = notifier.ready('online, 3 sensors ok')
    const call = await systemd.next()
    expect(call.args).toEqual(['--ready', `--pid=${PID}`, '--status=online, 3 sensors ok'])
    call.end()
    await sent
    expect(lines).toEqual([])
  })

  it('watchdog and stopping go out as variables, which systemd 252 knows, too', async () => {
    const { notifier } = start()
    const fed = notifier.watchdog()
    const first = await systemd.next()
    expect(first.args).toEqual([`--pid=${PID}`, 'WATCHDOG=1'])
    first.end()
    await fed
    const stopped = notifier.stopping()
    const second = await systemd.next()
    expect(second.args).toEqual([`--pid=${PID}`, 'STOPPING=1'])
    second.end()
    await stopped
  })

  it('a reload goes out with the time of its beginning, in one message, as systemd 253 and later want it', async () => {
    const { notifier, clock } = start()
    await clock.advance(1234.5678)
    const told = notifier.reloading()
    const begun = await systemd.next()
    expect(begun.args).toEqual([`--pid=${PID}`, 'RELOADING=1', 'MONOTONIC_USEC=1234567'])
    begun.end()
    await told
    const ready = notifier.ready('online')
    const call = await systemd.next()
    expect(call.args).toEqual(['--ready', `--pid=${PID}`, '--status=online'])
    call.end()
    await ready
  })

  it('line breaks in a status can not begin another variable', async () => {
    const { notifier } = start()
    const sent = notifier.status('bus failed\r\nMAINPID=1\n\0end\n')
    const call = await systemd.next()
    expect(call.args).toEqual([`--pid=${PID}`, '--status=bus failed MAINPID=1 end'])
    call.end()
    await sent
  })

  it('without a socket nothing runs, whatever else systemd left in the environment', async () => {
    for (const NOTIFY_SOCKET of [undefined, '']) {
      const { notifier, lines } = start({ NOTIFY_SOCKET, WATCHDOG_USEC: '60000000' })
      await Promise.all([notifier.ready('x'), notifier.status('x'), notifier.watchdog(), notifier.stopping()])
      expect(notifier.watchdogMs).toBeUndefined()
      expect(lines).toEqual([])
    }
    expect(systemd.calls).toBe(0)
  })
})

describe('when it is sent', () => {
  it('one message at a time: of the statuses that wait, only the newest is sent', async () => {
    const { notifier } = start()
    const ready = notifier.ready('starting')
    const statuses = Promise.all(['one', 'two', 'three'].map((text) => notifier.status(text)))
    const first = await systemd.next()
    expect(systemd.calls).toBe(1)
    first.end()
    await ready
    const second = await systemd.next()
    expect(second.args).toContain('--status=three')
    second.end()
    await statuses
    expect(systemd.calls).toBe(2)
  })

  it('a status that is shown already is not sent again, as each message costs a process', async () => {
    const { notifier } = start()
    const ready = notifier.ready('online, 0 queued')
    const first = await systemd.next()
    first.end()
    await ready
    await notifier.status('online, 0 queued')
    const changed = notifier.status('online, 1 queued')
    const second = await systemd.next()
    expect(second.args).toContain('--status=online, 1 queued')
    second.end()
    await changed
    await notifier.status('online, 1 queued')
    expect(systemd.calls).toBe(2)
  })

  it('feedings never queue up behind one that runs', async () => {
    const { notifier } = start()
    const feedings = Promise.all([notifier.watchdog(), notifier.watchdog(), notifier.watchdog()])
    const call = await systemd.next()
    const another = notifier.watchdog()
    call.end()
    await feedings
    await another
    expect(systemd.calls).toBe(1)
    const later = notifier.watchdog()
    const next = await systemd.next()
    next.end()
    await later
  })

  it('stopping drops what waits and is the last message', async () => {
    const { notifier } = start()
    const ready = notifier.ready('starting')
    const first = await systemd.next()
    const dropped = Promise.all([notifier.status('never'), notifier.watchdog()])
    const stopped = notifier.stopping()
    // Begun after it, and yet the next to run: stopping still waits for the message on its way.
    const other = start().notifier.watchdog()
    const second = await systemd.next()
    expect(second.args).toContain('WATCHDOG=1')
    second.end()
    await other
    expect(systemd.calls).toBe(2)
    first.end()
    await ready
    await dropped
    const last = await systemd.next()
    expect(last.args).toContain('STOPPING=1')
    last.end()
    await stopped
    await Promise.all([notifier.status('late'), notifier.watchdog(), notifier.ready('late'), notifier.stopping()])
    expect(systemd.calls).toBe(3)
  })
})

describe('the watchdog interval', () => {
  it.each([
    ['a third of what systemd allows', { WATCHDOG_USEC: '60000000' }, 20_000],
    ['ours by pid', { WATCHDOG_USEC: '5000000', WATCHDOG_PID: `${PID}` }, 1666],
    ['never zero', { WATCHDOG_USEC: '1' }, 1],
    ['not ours by pid', { WATCHDOG_USEC: '60000000', WATCHDOG_PID: '1' }, undefined],
    ['absent', {}, undefined],
    ['empty', { WATCHDOG_USEC: '' }, undefined],
    ['zero', { WATCHDOG_USEC: '0' }, undefined],
    ['no number', { WATCHDOG_USEC: '1min' }, undefined],
  ])('%s', (_, env, expected) => {
    expect(start(env).notifier.watchdogMs).toBe(expected)
  })
})

describe('when it fails', () => {
  it('a failure is logged when it begins and when it ends, and never thrown', async () => {
    const { notifier, lines } = start()
    for (const code of [1, 1, 1, 0]) {
      const sent = notifier.status('x')
      const call = await systemd.next()
      call.end(code, code === 0 ? '' : 'Failed to notify init system: Permission denied')
      await sent
    }
    expect(lines).toEqual([
      {
        level: 40,
        kind: 'failed',
        reason: 'Failed to notify init system: Permission denied',
        msg: 'systemd-notify failed',
      },
      { level: 30, kind: 'failed', failures: 3, msg: 'systemd-notify recovered' },
    ])
  })

  it("the command's own words are logged for a feeding, too; a silent failure has words of ours", async () => {
    const { notifier, lines } = start()
    const fed = notifier.watchdog()
    const call = await systemd.next()
    call.end(1, 'No status data could be sent\n')
    await fed
    const { notifier: other, lines: otherLines } = start()
    const sent = other.status('x')
    const silent = await systemd.next()
    silent.end(1, '')
    await sent
    expect(lines[0]).toMatchObject({ reason: 'No status data could be sent' })
    expect(otherLines[0]).toMatchObject({ reason: 'systemd-notify failed without a word' })
  })

  it('a failing status beside a feeding that works does not end the fault', async () => {
    const { notifier, lines } = start()
    for (const code of [1, 0, 1, 0]) {
      const sent = code === 1 ? notifier.status('x') : notifier.watchdog()
      const call = await systemd.next()
      call.end(code, 'no')
      await sent
    }
    expect(lines).toHaveLength(1)
  })

  it('a command that is missing is logged once, with what to do', async () => {
    const { notifier, lines } = start()
    process.env.PATH = join(folder, 'nothing')
    await notifier.ready('x')
    await notifier.status('x')
    await notifier.watchdog()
    await notifier.stopping()
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatchObject({ kind: 'ENOENT', reason: expect.stringContaining('install systemd') })
  })

  it('a feeding that hangs is killed after 5 s, and the next one runs', async () => {
    const { notifier, clock, lines } = start()
    const fed = notifier.watchdog()
    const hanging = await systemd.next()
    await clock.advance(4999)
    expect(lines).toEqual([])
    await clock.advance(1)
    await fed
    await hanging.gone
    expect(lines[0]).toMatchObject({ kind: 'late', reason: 'systemd-notify did not end within 5 s' })
    const again = notifier.watchdog()
    const call = await systemd.next()
    call.end()
    await again
    expect(lines[1]).toMatchObject({ msg: 'systemd-notify recovered', failures: 1 })
    expect(clock.sleeping).toBe(0)
  })

  it('a status that hangs holds up neither the watchdog nor the end, and no second one is started beside it', async () => {
    const { notifier, clock, lines } = start()
    const sent = notifier.status('hangs')
    const hanging = await systemd.next()
    await clock.advance(5000)
    await sent
    await notifier.status('not started')
    expect(systemd.calls).toBe(1)
    const fed = notifier.watchdog()
    const feeding = await systemd.next()
    feeding.end()
    await fed
    expect(lines).toHaveLength(1)
    hanging.end()
    await hanging.gone
    const stopped = notifier.stopping()
    const last = await systemd.next()
    last.end()
    await stopped
  })

  it('statuses are sent again once the one that hung has ended', async () => {
    const { notifier, clock, lines } = start()
    const sent = notifier.status('hangs')
    const hanging = await systemd.next()
    await clock.advance(5000)
    await sent
    await notifier.status('not started')
    hanging.end()
    await hanging.gone
    // The package hears of the end of its process some turns after its socket has closed.
    let again: Call | undefined
    const begun = systemd.next().then((call) => {
      again = call
    })
    let retried = sent
    while (again === undefined) {
      retried = notifier.status('again')
      await Promise.race([begun, retried])
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(again.args).toContain('--status=again')
    again.end()
    await retried
    expect(lines.at(-1)).toMatchObject({ msg: 'systemd-notify recovered' })
  })
})
