import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DriverUnavailableError } from '../../src/errors.ts'
import { type ChooseOptions, chooseBackend } from '../../src/gpio/choose.ts'
import { silentLog } from '../../src/log.ts'
import type { Load } from '../../src/optional.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { kindOf } from './contract.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'choose-'))
})
afterEach(async () => {
  await rm(root, { recursive: true })
})

const present: Load = () => ({})
const absent: Load = (name) => {
  throw new DriverUnavailableError(name, 'it is not installed', 'install it')
}

async function exportFile(): Promise<void> {
  const folder = join(root, 'sys/class/gpio')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'export'), '')
}

function choose(backend: ChooseOptions['backend'], load = present, counters: readonly number[] = []) {
  return chooseBackend({ backend, counters, root, load, clock: new FakeClock(), log: silentLog() })
}

describe('gpio.backend: auto', () => {
  it('is onoff where sysfs is there and writable', async () => {
    await exportFile()
    const { backend, reason } = await choose('auto')
    expect([backend, reason]).toEqual(['onoff', 'auto: GPIO by sysfs is there and writable'])
  })

  it('is the character device where the kernel has no GPIO by sysfs', async () => {
    const { backend, reason } = await choose('auto')
    expect(backend).toBe('chardev')
    expect(reason).toBe(`auto: there is no ${join(root, 'sys/class/gpio/export')}: this kernel has no GPIO by sysfs`)
  })

  it('is the character device where sysfs can’t be written, for whatever reason', async () => {
    await mkdir(join(root, 'sys/class'), { recursive: true })
    await writeFile(join(root, 'sys/class/gpio'), '')
    const { backend, reason } = await choose('auto')
    expect([backend, reason]).toEqual(['chardev', expect.stringContaining("can't be written: ENOTDIR")])
  })

  it('is the character device where onoff is not installed', async () => {
    await exportFile()
    const { backend, reason } = await choose('auto', absent)
    expect([backend, reason]).toEqual(['chardev', 'auto: driver onoff is unavailable: it is not installed; install it'])
  })

  it('is the character device where pulses are counted, whatever sysfs has, and names the pin', async () => {
    await exportFile()
    const { backend, reason } = await choose('auto', present, [5, 6])
    expect([backend, reason]).toEqual(['chardev', expect.stringMatching(/^auto: GPIO5 has mode: counter/)])
  })

  it('lets a bug through', async () => {
    await exportFile()
    const broken: Load = () => {
      throw new TypeError('a bug')
    }
    await expect(choose('auto', broken)).rejects.toThrow(TypeError)
  })
})

describe('a backend that is named', () => {
  it.each(['onoff', 'chardev'] as const)(
    '%s is taken, whatever the machine has, and fails in its own words',
    async (name) => {
      const { backend, reason, create } = await choose(name, absent)
      expect([backend, reason]).toEqual([name, `gpio.backend: ${name}`])
      expect(await kindOf(create())).toBe(name === 'onoff' ? 'not-found' : 'unavailable')
    },
  )
})
