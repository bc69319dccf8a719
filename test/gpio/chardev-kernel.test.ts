import { execFileSync } from 'node:child_process'
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DriverUnavailableError } from '../../src/errors.ts'
import { createChardevGpio } from '../../src/gpio/chardev.ts'
import { loadKernel } from '../../src/gpio/chardev-kernel.ts'
import { GET_CHIPINFO } from '../../src/gpio/chardev-uapi.ts'
import { silentLog } from '../../src/log.ts'
import { type Load, loadOptional } from '../../src/optional.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { errorOf } from './contract.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chardev-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

/** Both ends of a pipe in one: what is written comes out again. */
function openPipe(): number {
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  return openSync(path, 'r+')
}

const without =
  (absent: string): Load =>
  (name) => {
    if (name === absent) throw new DriverUnavailableError(name, 'it is not installed', 'install it')
    return loadOptional(name)
  }

describe('the chips of a machine', () => {
  const chips = (): readonly string[] => loadKernel({ folder }).chips()

  it('are found in the order of their numbers, and nothing else', async () => {
    for (const name of ['gpiochip10', 'gpiochip9', 'gpiochip', 'gpiochip1x', 'gpiomem', 'xgpiochip1']) {
      writeFileSync(join(folder, name), '')
    }
    expect(chips()).toEqual([join(folder, 'gpiochip9'), join(folder, 'gpiochip10')])
  })

  it('are found once each, whatever links lead to them; a link that leads nowhere is left out', async () => {
    writeFileSync(join(folder, 'gpiochip0'), '')
    await symlink('gpiochip0', join(folder, 'gpiochip4'))
    await symlink('gpiochip8', join(folder, 'gpiochip5'))
    expect(chips()).toEqual([join(folder, 'gpiochip0')])
  })

  it('are none where the folder has none', async () => {
    await mkdir(join(folder, 'pts'))
    expect(chips()).toEqual([])
  })
})

describe('the calls into the kernel', () => {
  const kernel = loadKernel({})

  it('a refusal carries the name of its errno and of the request', () => {
    const path = join(folder, 'file')
    writeFileSync(path, '')
    const fd = kernel.open(path)
    try {
      const ask = (): void => kernel.ioctl(fd, GET_CHIPINFO, Buffer.alloc(GET_CHIPINFO.bytes))
      expect(ask).toThrow(
        expect.objectContaining({ code: 'ENOTTY', message: expect.stringContaining('GPIO_GET_CHIPINFO') }),
      )
    } finally {
      kernel.close(fd)
    }
  })

  it('memory of the wrong size never reaches the kernel', () => {
    for (const size of [0, GET_CHIPINFO.bytes - 1, GET_CHIPINFO.bytes + 1]) {
      const ask = (): void => kernel.ioctl(-1, GET_CHIPINFO, Buffer.alloc(size))
      expect(ask).toThrow(expect.objectContaining({ kind: 'misuse' }))
    }
  })

  it('a read of what has nothing to read returns, and one of what has gives it', () => {
    const pipe = openPipe()
    try {
      const bytes = Buffer.alloc(8)
      kernel.neverWait(pipe)
      expect(kernel.read(pipe, bytes)).toBe(0)
      writeSync(pipe, 'edge')
      expect([kernel.read(pipe, bytes), bytes.toString('utf8', 0, 4)]).toEqual([4, 'edge'])
    } finally {
      closeSync(pipe)
    }
    expect(() => kernel.read(pipe, Buffer.alloc(8))).toThrow(expect.objectContaining({ code: 'EBADF' }))
    expect(() => kernel.neverWait(pipe)).toThrow(expect.objectContaining({ code: 'EBADF' }))
  })

  it('a watch tells what comes, and nothing after its end', async () => {
    const pipe = openPipe()
    const bytes = Buffer.alloc(8)
    kernel.neverWait(pipe)
    let heard = 0
    let onHeard = (): void => {}
    const next = (): Promise<void> => new Promise((resolve) => (onHeard = resolve))
    const stop = kernel.watch(pipe, () => {
      heard += kernel.read(pipe, bytes)
      onHeard()
    })
    for (const _ of [1, 2]) {
      const hearing = next()
      writeSync(pipe, 'x')
      await hearing
    }
    stop()
    stop()
    writeSync(pipe, 'y')
    await new Promise((resolve) => setImmediate(resolve))
    closeSync(pipe)
    expect(heard).toBe(2)
  })
})

describe('a machine that lacks something', () => {
  const create = (load: Load) => createChardevGpio({ clock: new FakeClock(), log: silentLog(), load })

  it('koffi that is not there is told with its remedy', async () => {
    const error = await errorOf(create(without('koffi')))
    expect([error.name, error.kind]).toEqual(['GpioError', 'unavailable'])
    expect(error.message).toMatch(/^driver koffi is unavailable: .*install it$/)
  })

  it('any other failure of its loading passes unchanged', async () => {
    const broken: Load = () => {
      throw new TypeError('a bug')
    }
    await expect(create(broken)).rejects.toThrow(TypeError)
  })

  it('epoll that is not there costs the watching, not the rest', () => {
    const kernel = loadKernel({ load: without('epoll') })
    expect(() => kernel.watch(0, () => {})).toThrow(
      expect.objectContaining({ kind: 'unavailable', message: expect.stringContaining('epoll') }),
    )
  })

  it.each(['armv6l', 'armv5tejl'])('on %s koffi is not even loaded: it would end the process', (processor) => {
    const load: Load = () => expect.fail('it was loaded')
    expect(() => loadKernel({ load, processor })).toThrow(
      expect.objectContaining({ kind: 'unsupported', message: expect.stringContaining('gpio.backend: onoff') }),
    )
  })

  it.each(['armv7l', 'armv8l', 'aarch64', 'x86_64'])('on %s it is', (processor) => {
    expect(() => loadKernel({ processor })).not.toThrow()
  })
})
