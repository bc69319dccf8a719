/** One logger per file: a name that the kernel gives to one process at a time, and takes back when it dies, however it does. */
import { createHash } from 'node:crypto'
import { createServer } from 'node:net'
import { codeOf } from '../errors.ts'

/** Held until the process ends, or `release` is called; undefined: another process has it. @param file absolute */
export function lock(file: string): Promise<{ release(): void } | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.unref()
    server.once('error', (error) => {
      if (codeOf(error) === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    const name = createHash('sha256').update(file).digest('hex').slice(0, 32)
    // In Linux's abstract namespace, unix(7): no file is left behind.
    server.listen(`\0sensor-node-log-${name}`, () => resolve({ release: () => void server.close() }))
  })
}
