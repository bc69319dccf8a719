/**
 * The system calls that the character device needs and Node.js does not have: `ioctl` and `fcntl` by koffi, waiting
 * by epoll. The only file that hands memory to the kernel. No call here waits, so none holds a thread of libuv's: a
 * read that waited for an edge would keep the process from its end.
 */
import { closeSync, openSync, readdirSync, readSync, realpathSync } from 'node:fs'
import { machine } from 'node:os'
import { join } from 'node:path'
import { getSystemErrorMap } from 'node:util'
import { codeOf, DriverUnavailableError, GpioError, messageOf } from '../errors.ts'
import { type Load, loadOptional } from '../optional.ts'
import type { Ioctl } from './chardev-uapi.ts'

/** Errors carry an errno name in `code`, as Node's do. */
export interface Kernel {
  /** Paths of the chips, each chip once. @throws where /dev can't be listed */
  chips(): readonly string[]
  open(path: string): number
  /** The kernel reads and writes `argument`. @throws where it refuses */
  ioctl(fd: number, request: Ioctl, argument: Buffer): void
  /** From here on, a read of `fd` with nothing to read returns. */
  neverWait(fd: number): void
  /** How many bytes there were; 0 where there is nothing now. */
  read(fd: number, into: Buffer): number
  /** Calls `ready` when there is something to read, or an error. Ends by itself at an error, else by what is returned. */
  watch(fd: number, ready: () => void): () => void
  /** Releases what `fd` stands for: for a line, that is the line. */
  close(fd: number): void
}

export interface KernelOptions {
  readonly load?: Load
  /** The folder that the chips' devices are in. */
  readonly folder?: string
  /** The kernel's name of the processor, as `uname -m`. */
  readonly processor?: string
}

/** What is used of koffi. Written here, because optional packages may be absent. */
interface Koffi {
  load(library: null): { func(definition: string): (...args: readonly unknown[]) => unknown }
  errno(): number
}

/** What is used of epoll, which comes with onoff. */
interface EpollPackage {
  readonly Epoll: {
    new (callback: (error: Error | null, fd: number, events: number) => void): Poller
    readonly EPOLLIN: number
    readonly EPOLLERR: number
    readonly EPOLLHUP: number
  }
}

/** Not closed, ever: `close` in its own callback frees what is still running. After `remove` nothing of it is left. */
interface Poller {
  add(fd: number, events: number): void
  remove(fd: number): void
}

/** Linux, include/uapi/asm-generic/fcntl.h; the same on ARM and x86. */
const F_GETFL = 3
const F_SETFL = 4
const O_NONBLOCK = 0o4000

/** @throws GpioError where koffi does not load, or can't run on this processor */
export function loadKernel({ load = loadOptional, folder = '/dev', processor = machine() }: KernelOptions): Kernel {
  // koffi's build for 32-bit ARM has ARMv7 instructions: loading it would end the process.
  if (/^armv[1-6]/.test(processor)) {
    const message = `the GPIO character device needs an ARMv7 processor (Pi 2 or later), this one is ${processor}`
    throw new GpioError('unsupported', `${message}; set gpio.backend: onoff`)
  }
  const koffi = loadPackage<Koffi>(load, 'koffi')
  const program = koffi.load(null) // the C library that Node.js itself runs on
  const ioctl = program.func('int ioctl(int fd, unsigned long request, ...)')
  const fcntl = program.func('int fcntl(int fd, int command, ...)')
  const demand = (result: unknown, call: string): number => {
    if (typeof result === 'number' && result >= 0) return result
    throw errnoError(koffi.errno(), call)
  }
  return {
    chips: () => listChips(folder),
    open: (path) => openSync(path, 'r+'), // Node.js adds O_CLOEXEC: no child gets it
    ioctl(fd, request, argument) {
      // The kernel writes as many bytes as the number says, wherever our memory ends.
      if (argument.length !== request.bytes) {
        throw new GpioError('misuse', `${request.name} takes ${request.bytes} bytes, not ${argument.length}`)
      }
      demand(ioctl(fd, request.number, 'void *', argument), request.name)
    },
    neverWait(fd) {
      const flags = demand(fcntl(fd, F_GETFL), 'F_GETFL')
      demand(fcntl(fd, F_SETFL, 'int', flags | O_NONBLOCK), 'F_SETFL')
    },
    read(fd, into) {
      try {
        return readSync(fd, into)
      } catch (error) {
        if (codeOf(error) === 'EAGAIN') return 0
        throw error
      }
    },
    watch(fd, ready) {
      const { Epoll } = loadPackage<EpollPackage>(load, 'epoll')
      let watching = true
      const stop = (): void => {
        if (watching) poller.remove(fd)
        watching = false
      }
      const poller = new Epoll((error, _fd, events) => {
        // A dead line would tell of its death again and again.
        if (error !== null || (events & (Epoll.EPOLLERR | Epoll.EPOLLHUP)) !== 0) stop()
        ready()
      })
      poller.add(fd, Epoll.EPOLLIN)
      return stop
    },
    close: (fd) => closeSync(fd),
  }
}

/** Udev adds links: gpiochip4 of a Pi 5 leads to gpiochip0 on some kernels. */
function listChips(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => /^gpiochip\d+$/.test(name))
  const numbered = names.sort((a, b) => Number(a.slice(8)) - Number(b.slice(8)))
  return [...new Set(numbered.flatMap((name) => whereTo(join(folder, name))))]
}

function whereTo(path: string): string[] {
  try {
    return [realpathSync(path)]
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [] // it went away while we looked, or the link leads nowhere
    throw error
  }
}

function loadPackage<T>(load: Load, name: string): T {
  try {
    return load(name) as T // the parts of its own types that are written above
  } catch (error) {
    if (!(error instanceof DriverUnavailableError)) throw error
    throw new GpioError('unavailable', messageOf(error), { cause: error })
  }
}

function errnoError(errno: number, call: string): Error {
  const [code, text] = getSystemErrorMap().get(-errno) ?? [`E${errno}`, 'unknown error']
  return Object.assign(new Error(`${code}: ${text}, ${call}`), { code, errno: -errno })
}
