/**
 * A file system of a few megabytes, mounted at a folder for those who are started in its namespace: anybody may have
 * one, not root alone. It is there until `close`, whoever dies meanwhile.
 */
import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

export interface SmallDisk {
  /** Put before a command, this makes it see the disk. */
  readonly enter: readonly string[]
  /** What a file on it is called out here. */
  path(name: string): string
  close(): void
}

/** @throws where the system allows no mounts in a user's namespace */
export async function mountSmallDisk(folder: string, bytes: number): Promise<SmallDisk> {
  await mkdir(folder, { recursive: true })
  const script = `mount -t tmpfs -o size=${bytes},mode=0700 tmpfs "$0" && echo mounted && exec cat`
  const keeper = spawn('unshare', ['--map-root-user', '--mount', 'sh', '-c', script, folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await new Promise<void>((resolve, reject) => {
    keeper.stdout.once('data', () => resolve())
    keeper.once('error', reject)
    keeper.once('exit', (code) => reject(new Error(`a small disk can't be mounted here: unshare ended with ${code}`)))
  })
  return {
    enter: ['nsenter', `--target=${keeper.pid}`, '--user', '--mount', '--preserve-credentials'],
    path: (name) => join(`/proc/${keeper.pid}/root`, folder, name),
    close: () => keeper.kill('SIGKILL'),
  }
}
