import { describe, expect, it } from 'vitest'
import { SensorError } from '../src/errors.ts'
import type { Reloaded } from '../src/requests/action.ts'
import { settled } from './fakes/fake-clock.ts'
import { requestsBench } from './fakes/requests-bench.ts'

const SECOND = 1000
const bus = new SensorError('bus', 'a transfer failed')

describe('an action', () => {
  it('ping tells the run and the uptime, in the same turn of the event loop', async () => {
    const { clock, send, published } = requestsBench()
    await clock.advance(90 * SECOND)
    send({ id: 'a1', action: 'ping' })
    expect(published).toEqual([
      {
        topic: 'devices/n1/response',
        payload: '{"id":"a1","action":"ping","status":"ok","node":"n1","run":"r1","uptime":90}',
        qos: 1,
        retain: false,
      },
    ])
  })

  it('info tells what the birth has', () => {
    const { send, answers } = requestsBench()
    send({ id: 7, action: 'info' })
    expect(answers()).toEqual([{ id: 7, action: 'info', status: 'ok', node: 'n1', version: '1.2.3', sensors: [] }])
  })

  it('read tells of all sensors at once, each with its time and values, or why it has none', async () => {
    const { clock, send, answers, sensor } = requestsBench()
    const own = sensor(undefined, { read: (turn) => ({ ms: 100, sample: { temperature: 20 + turn } }) })
    sensor('attic', { read: (turn) => (turn === 0 ? {} : { throws: bus }) })
    await clock.advance(3 * SECOND)
    send({ id: 'a1', action: 'read' })
    await clock.advance(100)
    expect(answers()).toEqual([
      {
        ...{ id: 'a1', action: 'read', status: 'ok', node: 'n1' },
        sensors: [
          { type: 'scripted', ok: true, timestamp: '2026-01-01T00:00:03.100Z', values: { temperature: 21 } },
          { id: 'attic', type: 'scripted', ok: false, kind: 'bus', error: 'a transfer failed' },
        ],
      },
    ])
    await clock.advance(7 * SECOND)
    expect(own.sensor.reads).toEqual([0, 3000, 10_000])
    expect(own.samples.map(({ sample }) => sample)).toEqual([{ temperature: 20 }, { temperature: 22 }])
  })

  it.each([
    ['attic', 'attic'],
    ['scripted', undefined],
    ['n1', undefined],
  ])('read of %s reads that sensor only', async (wanted, id) => {
    const { clock, send, answers, sensor } = requestsBench()
    const loops = [sensor(undefined), sensor('attic')]
    await clock.advance(3 * SECOND)
    send({ action: 'read', sensor: wanted })
    await clock.advance(SECOND)
    expect(answers()).toMatchObject([{ status: 'ok', sensors: [id === undefined ? { type: 'scripted' } : { id }] }])
    expect(loops.map(({ sensor: { reads } }) => reads.length)).toEqual(id === undefined ? [2, 1] : [1, 2])
  })

  it('read of a sensor that is not there says which are', async () => {
    const { send, answers, sensor } = requestsBench()
    sensor(undefined)
    sensor('attic')
    send({ id: 'a1', action: 'read', sensor: 'atic' })
    await settled()
    expect(answers()).toEqual([
      {
        ...{ id: 'a1', action: 'read', status: 'error', node: 'n1' },
        error: 'no sensor atic: the configuration has scripted (the node’s own) and attic; did you mean attic?',
      },
    ])
  })

  it('read without any sensor says so', async () => {
    const { send, answers } = requestsBench()
    send({ action: 'read' })
    await settled()
    expect(answers()).toMatchObject([{ status: 'error', error: expect.stringContaining('has no sensors') }])
  })

  it('read is an error where no sensor gave a value, and says why for each', async () => {
    const { clock, send, answers, sensor } = requestsBench()
    sensor('attic', { open: () => ({ throws: bus }) })
    sensor('cellar', { read: (turn) => ({ sample: turn === 0 ? { temperature: 1 } : {} }) })
    await clock.advance(2 * SECOND)
    send({ action: 'read' })
    await clock.advance(SECOND)
    expect(answers()).toMatchObject([
      {
        status: 'error',
        error:
          'no sensor gave a value: attic: a transfer failed; it is tried again within 2 s; cellar: it gave no value that can be right',
        sensors: [
          { id: 'attic', ok: false, kind: 'bus' },
          { id: 'cellar', ok: false, values: {} },
        ],
      },
    ])
  })

  it('read waits 20 s for a sensor that hangs, and tells of the others all the same', async () => {
    const { clock, send, answers, sensor } = requestsBench()
    sensor('attic', { open: () => ({ hang: true }) }) // one deadline of opening after the other
    sensor('cellar')
    await clock.advance(2 * SECOND)
    send({ action: 'read' })
    await clock.advance(20 * SECOND)
    expect(answers()).toMatchObject([
      {
        status: 'ok',
        sensors: [
          { id: 'attic', ok: false, kind: 'timeout' },
          { id: 'cellar', ok: true },
        ],
      },
    ])
  })

  it('read of thirty sensors looks like a leak to nobody', async () => {
    const { clock, send, answers, sensor } = requestsBench()
    const warnings: Error[] = []
    const hear = (warning: Error): void => void warnings.push(warning)
    process.on('warning', hear)
    for (let index = 0; index < 30; index += 1) sensor(`s${index}`, { read: () => ({ ms: 100 }) })
    await clock.advance(2 * SECOND)
    send({ action: 'read' })
    await clock.advance(SECOND)
    process.off('warning', hear)
    expect(answers()).toMatchObject([{ sensors: { length: 30 } }])
    expect(warnings).toEqual([])
  })

  it('read tells where the clock was not set yet', async () => {
    const bench = requestsBench()
    bench.sensor('attic')
    bench.clockIsRight = false
    await bench.clock.advance(2 * SECOND)
    bench.send({ action: 'read' })
    await settled()
    expect(bench.answers()).toMatchObject([
      { sensors: [{ timestamp: '2026-01-01T00:00:02.000Z', clock: 'unsynchronised' }] },
    ])
  })

  it('log_level changes what is logged from now on, and tells both levels; the change is in the log either way', () => {
    const { send, answers, log, told } = requestsBench()
    log.level = 'info'
    send({ action: 'log_level', level: 'debug' })
    log.debug('seen')
    send({ action: 'log_level', level: 'warn' })
    log.info('not seen')
    send({ action: 'log_level', level: 'silent' })
    log.fatal('not seen')
    send({ action: 'log_level', level: 'info' })
    expect(answers()).toMatchObject([
      { status: 'ok', old: 'info', new: 'debug' },
      { old: 'debug', new: 'warn' },
      { old: 'warn', new: 'silent' },
      { old: 'silent', new: 'info' },
    ])
    expect(told('info', 'debug', 'fatal').filter((line) => !line.includes('answered'))).toEqual([
      'info log level changed by a request',
      'debug seen',
      'info log level changed by a request',
      'info log level changed by a request',
    ])
  })

  it.each<[string, (() => Promise<Reloaded>) | undefined, object]>([
    ['tells what changed', async () => ({ ok: true, changes: ['sensors'] }), { status: 'ok', changes: ['sensors'] }],
    [
      'tells what is wrong with the file',
      async () => ({ ok: false, problems: ['config.yaml:3:1: unknown key', 'and more'] }),
      {
        status: 'error',
        error: 'the file is wrong, and nothing was changed: config.yaml:3:1: unknown key',
        problems: ['config.yaml:3:1: unknown key', 'and more'],
      },
    ],
    [
      'can’t be done everywhere',
      undefined,
      { status: 'error', error: 'the configuration can’t be reloaded here: restart the agent instead' },
    ],
  ])('reload %s', async (_, reload, answer) => {
    const { send, answers } = requestsBench({ reload })
    send({ id: 'r', action: 'reload' })
    await settled()
    expect(answers()).toEqual([{ id: 'r', action: 'reload', node: 'n1', ...answer }])
  })

  it('that fails by a bug of ours tells no more than that, and the log has the rest', async () => {
    const { send, answers, lines } = requestsBench({ reload: () => Promise.reject(new Error('password=hunter2')) })
    send({ id: 'r', action: 'reload' })
    await settled()
    expect(answers()).toMatchObject([
      { id: 'r', status: 'error', error: 'internal error; the log of the node has more' },
    ])
    expect(lines).toContainEqual(expect.objectContaining({ level: 'error', reason: 'password=hunter2' }))
  })

  it('that takes more than 30 s is told to be late', async () => {
    const { clock, send, answers } = requestsBench({ reload: () => new Promise(() => {}) })
    send({ action: 'reload' })
    await clock.advance(29_999)
    expect(answers()).toEqual([])
    await clock.advance(1)
    expect(answers()).toMatchObject([{ status: 'error', error: expect.stringContaining('no result within 30 s') }])
  })

  it('that is under way when the agent stops is answered before it does', async () => {
    const { send, answers, stop } = requestsBench({ reload: () => new Promise(() => {}) })
    send({ action: 'reload' })
    await settled()
    stop()
    await settled()
    expect(answers()).toMatchObject([{ status: 'error', error: 'the agent stops' }])
  })
})

describe('an answer', () => {
  it('goes to the response topic with the correlation data', () => {
    const { send, published } = requestsBench()
    const correlation = new Uint8Array([1, 2, 255])
    send({ action: 'ping' }, { replyTo: 'me/answers', correlation })
    send({ action: 'ping' }, { replyTo: 'devices/n1/response/me' })
    expect(published).toMatchObject([{ topic: 'me/answers', correlation }, { topic: 'devices/n1/response/me' }])
    expect(published[1]).not.toHaveProperty('correlation')
  })

  it.each([
    '',
    '#',
    'a/+/b',
    '$SYS/x',
    'devices/n1/request',
    'devices/n1/status',
    'gpio/17/command',
    'sensors/n1/temperature',
    'alerts/n1/x',
    'x'.repeat(257),
  ])('does not go to the response topic “%s”: the node’s own has the reason', (replyTo) => {
    const { send, published, answers } = requestsBench()
    send({ id: 'a1', action: 'ping' }, { replyTo })
    expect(published.map(({ topic }) => topic)).toEqual(['devices/n1/response'])
    expect(answers()).toMatchObject([
      {
        id: 'a1',
        status: 'error',
        error: expect.stringContaining('can’t be answered where it says: its response topic'),
      },
    ])
  })

  it('is given to each request, those with the same id as well', () => {
    const { send, answers } = requestsBench()
    for (let turn = 0; turn < 3; turn += 1) send({ id: 'same', action: 'ping' })
    expect(answers().map(({ id, status }) => [id, status])).toEqual(Array(3).fill(['same', 'ok']))
  })

  it.each([
    ['no JSON', '{', undefined],
    ['a list', '[]', undefined],
    ['no text', new Uint8Array([0xff]), undefined],
    ['too long', `{"id":"a1","action":"ping"${' '.repeat(1024)}}`, undefined],
    ['without an action', '{"id":"a1"}', 'a1'],
    ['of an unknown action', '{"id":"a1","action":"dance"}', 'a1'],
    ['with an unknown key', '{"id":"a1","action":"ping","x":1}', 'a1'],
    ['with a bad id', '{"id":[],"action":"ping"}', undefined],
    ['empty', '', undefined],
  ])('tells why a request is refused that is %s', (_, payload, id) => {
    const { send, answers, told } = requestsBench()
    send(payload)
    const [answer] = answers()
    expect(answer).toMatchObject({ status: 'error', node: 'n1', error: expect.any(String) })
    expect(answer?.id).toBe(id)
    expect(told('warn')).toEqual(['warn request refused'])
  })
})

describe('a request', () => {
  it('that is retained is refused with the line that clears it, and a clearing is no request', () => {
    const { send, answers } = requestsBench()
    send({ id: 'a1', action: 'log_level', level: 'silent' }, { retained: true })
    expect(answers()).toMatchObject([
      {
        ...{ id: 'a1', status: 'error' },
        error:
          "retained requests are not answered to; clear this one with: mosquitto_pub -r -n -t 'devices/n1/request'",
      },
    ])
    send('', { retained: true })
    expect(answers()).toHaveLength(1)
  })

  it('that comes too late is refused', async () => {
    const bench = requestsBench()
    await bench.clock.advance(60 * SECOND)
    const old = { action: 'ping', ts: '2026-01-01T00:00:00Z', ttl: '10s' }
    bench.send(old)
    bench.send({ action: 'ping', ts: '2026-01-01T00:00:55Z', ttl: '10s' })
    bench.clockIsRight = false
    bench.send(old)
    expect(bench.answers().map(({ error }) => error)).toEqual([
      'the request was given 60 s ago, and it was good for 10s only',
      undefined,
      '"ttl" can’t be judged: this node’s clock is not set yet',
    ])
  })

  it('waits for no other: with 16 that hang a ping is answered, and the 17th of its kind refused at once', async () => {
    let finish = (): void => {}
    const gate = new Promise<Reloaded>((resolve) => {
      finish = () => resolve({ ok: true, changes: [] })
    })
    const { send, answers } = requestsBench({ reload: () => gate })
    for (let turn = 0; turn < 20; turn += 1) send({ id: turn, action: 'reload' })
    send({ id: 'p', action: 'ping' })
    const refused = {
      status: 'error',
      error: '16 requests are being worked on already: ask again when they are answered',
    }
    expect(answers()).toMatchObject([...[16, 17, 18, 19].map((id) => ({ id, ...refused })), { id: 'p', status: 'ok' }])
    finish()
    await settled()
    expect(answers().filter(({ action, status }) => action === 'reload' && status === 'ok')).toHaveLength(16)
    send({ id: 'again', action: 'reload' })
    await settled()
    expect(answers().at(-1)).toMatchObject({ id: 'again', status: 'ok' })
  })

  it('in a flood of reads costs one read of the sensor, and few lines in the log', async () => {
    const { clock, send, answers, sensor, told } = requestsBench()
    const { sensor: scripted } = sensor('attic', { read: () => ({ ms: 50 }) })
    await clock.advance(3 * SECOND)
    for (let turn = 0; turn < 10_000; turn += 1) send({ id: turn, action: 'read' })
    await clock.advance(SECOND)
    expect(answers()).toHaveLength(10_000)
    expect(answers().filter(({ status }) => status === 'ok')).toHaveLength(16)
    expect(scripted.reads).toHaveLength(2)
    expect(scripted.misuses).toEqual([])
    expect(told('warn')).toHaveLength(1)
  })
})

describe('without remote', () => {
  it('nothing is subscribed to, and nothing is answered', () => {
    const { requests, send, answers } = requestsBench()
    expect(requests.subscriptions()).toMatchObject([{ name: 'requests', filter: 'devices/n1/request' }])
    requests.configure(undefined)
    expect(requests.subscriptions()).toEqual([])
    send({ action: 'ping' }) // was on its way
    expect(answers()).toEqual([])
  })

  it('an action that is not in the list is refused', () => {
    const { requests, send, answers } = requestsBench()
    requests.configure({ actions: ['ping'] })
    send({ id: 1, action: 'log_level', level: 'silent' })
    send({ id: 2, action: 'ping' })
    expect(answers()).toMatchObject([
      { id: 1, status: 'error' },
      { id: 2, status: 'ok' },
    ])
  })
})
