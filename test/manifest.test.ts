import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { LiveView } from '../src/live.ts'
import { Manifest, type ManifestOptions } from '../src/manifest.ts'
import type { Message } from '../src/telemetry.ts'
import { FakeClock } from './fakes/fake-clock.ts'
import { recordLog } from './fakes/recording-log.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sensor-node-manifest-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function make(options: Partial<ManifestOptions> = {}) {
  const { log, told } = recordLog()
  let wake = (): void => {}
  const kept = new Promise<void>((resolve) => {
    wake = resolve
  })
  const manifest = new Manifest({ folder, machine: 'this', clock: systemClock, log, onKept: () => wake(), ...options })
  return { manifest, told, kept }
}

const onDisk = async (): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(join(folder, 'retained.json'), 'utf8'))
const message = (topic: string, payload = '1'): Message => ({ topic, payload, qos: 1, retain: true })

describe('the list of what the broker keeps', () => {
  it('has a topic on disk before its first message may leave', async () => {
    const { manifest, kept } = make()
    expect(manifest.mayGo('a')).toBe(false)
    await kept
    expect(manifest.mayGo('a')).toBe(true)
    expect(await onDisk()).toMatchObject({ topics: ['a'] })
  })

  it('is known to the next run', async () => {
    const { manifest } = make()
    await manifest.keep('a')
    await manifest.setEntities('a', { 'output.17': 'switch' }, { 'input.5': 'binary_sensor' })
    const next = make().manifest
    await next.load()
    expect(next.topics).toEqual(['a'])
    expect(next.mayGo('a')).toBe(true)
    expect(next.entities('a')).toEqual({ 'output.17': 'switch' })
    expect(next.removed('a')).toEqual({ 'input.5': 'binary_sensor' })
  })

  it('is not written for a value, nor for entities that are known', async () => {
    const { manifest } = make()
    await manifest.keep('a')
    await manifest.setEntities('a', { k: 'sensor' }, {})
    await rm(join(folder, 'retained.json'))
    manifest.mayGo('a')
    await manifest.keep('a')
    await manifest.setEntities('a', { k: 'sensor' }, {})
    await manifest.flush()
    expect(await readdir(folder)).toEqual([])
  })

  it('forgets a topic and its entities when the broker has cleared it', async () => {
    const { manifest } = make()
    await manifest.keep('a')
    await manifest.keep('b')
    await manifest.setEntities('a', { k: 'sensor' }, {})
    manifest.cleared('a')
    await manifest.flush()
    expect(await onDisk()).toMatchObject({ topics: ['b'], entities: {} })
  })

  it.each(['{"topics":', '[]', '{"topics":["a"]}', '{"topics":[1],"entities":{},"removed":{}}'])(
    'that is damaged (%s) is told, set aside, and counts as empty',
    async (text) => {
      await writeFile(join(folder, 'retained.json'), text)
      const { manifest, told } = make()
      await manifest.load()
      expect(manifest.topics).toEqual([])
      expect(told('warn').join()).toMatch(/the list of retained topics can’t be read/)
      expect(await readdir(folder)).toEqual(['retained.json.damaged'])
    },
  )

  it('that another machine made is none of ours: a card was copied, and that machine lives', async () => {
    const { manifest } = make({ machine: 'that' })
    await manifest.keep('devices/rpi001/status')
    const copy = make()
    await copy.manifest.load()
    expect(copy.manifest.topics).toEqual([])
    expect(copy.told('warn')).toEqual([
      'warn the list of retained topics was made on another machine: none of them is cleared',
    ])
  })

  it.each([undefined, 'this'])('is ours where the machine can’t be told (%s)', async (machine) => {
    const { manifest } = make({ machine })
    await manifest.keep('a')
    const next = make({ machine: undefined }).manifest
    await next.load()
    expect(next.topics).toEqual(['a'])
  })

  it('without a state folder lasts until the end, and the log says so', async () => {
    const { manifest, told } = make({ folder: undefined })
    await manifest.load()
    expect(told('info')).toHaveLength(1)
    expect(manifest.mayGo('a')).toBe(true)
    expect(manifest.topics).toEqual(['a'])
  })

  it('does not hold messages back for a disk that fails, and tries it again', async () => {
    await writeFile(join(folder, 'file'), '')
    const { manifest, kept, told } = make({ folder: join(folder, 'file') })
    expect(manifest.mayGo('a')).toBe(false)
    await kept
    expect(manifest.mayGo('a')).toBe(true)
    expect(told('warn')).toEqual(['warn the list of retained topics can’t be kept'])
    await rm(join(folder, 'file'))
    await mkdir(join(folder, 'file'))
    manifest.retry()
    await manifest.flush()
    expect(JSON.parse(await readFile(join(folder, 'file', 'retained.json'), 'utf8'))).toMatchObject({ topics: ['a'] })
  })

  it('does not hold messages back for a disk that hangs', async () => {
    const clock = new FakeClock(0, async () => {}) // turns only the clock: the file is still being written
    const { manifest, kept } = make({ clock })
    manifest.mayGo('a')
    const turned = clock.advance(2000)
    await Promise.all([kept, turned])
    expect(manifest.mayGo('a')).toBe(true)
    await manifest.flush()
  })

  it('has a bound, and says when it is reached; what is beyond is published all the same', async () => {
    const { manifest, told } = make({ folder: undefined })
    for (let topic = 0; topic < 6000; topic += 1) expect(manifest.mayGo(`t/${topic}`)).toBe(true)
    expect(manifest.topics).toHaveLength(5000)
    expect(told('warn')).toHaveLength(1)
  })
})

describe('the live view with such a list', () => {
  it('sends the first message of a topic when it is on the list, and the newest by then', async () => {
    const { manifest, kept } = make()
    const live = new LiveView(systemClock, manifest)
    live.put(message('a', '1'))
    expect(live.next()).toBeUndefined()
    expect(live.waiting).toBe(true)
    live.put(message('a', '2'))
    await kept
    expect(live.next()?.payload).toBe('2')
    expect(live.waiting).toBe(false)
  })

  it('lets others pass what has to wait', async () => {
    const { manifest } = make()
    await manifest.keep('b')
    const live = new LiveView(systemClock, manifest)
    live.put(message('a'))
    live.put(message('b'))
    expect(live.next()?.topic).toBe('b')
    await manifest.flush()
  })

  it('forgets a topic only when the broker has taken its clearing, and not where it has a value again', async () => {
    const { manifest } = make({ folder: undefined })
    const live = new LiveView(systemClock, manifest)
    const clearing = message('a', '')
    live.put(message('a'))
    live.next()
    live.put(clearing)
    expect(live.next()).toBe(clearing)
    expect(manifest.topics).toEqual(['a'])
    live.put(message('a', '5'))
    live.taken(clearing)
    expect(manifest.topics).toEqual(['a'])
    live.put(clearing)
    live.taken(clearing)
    expect(manifest.topics).toEqual([])
    live.resendAll()
    expect(live.next()).toBeUndefined()
  })
})
