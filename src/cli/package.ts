/** What the package says of itself, and where its files are. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { HOME } from '../home.ts'

interface Manifest {
  readonly version: string
  readonly homepage?: string
}

/** Path of a file that ships with the package, by its place below the top level. */
export function packageFile(path: string): string {
  return join(HOME, path)
}

export function packageVersion(): string {
  return read().version
}

/** Its page; undefined where it names none. */
export function packageHome(): string | undefined {
  return read().homepage
}

function read(): Manifest {
  return JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as Manifest // our own, which every --version shows
}
