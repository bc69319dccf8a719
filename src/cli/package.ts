/** What the package says of itself, and where its files are. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { HOME } from '../home.ts'

const manifest = z.object({ version: z.string(), homepage: z.url().optional() })

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

function read(): z.output<typeof manifest> {
  return manifest.parse(JSON.parse(readFileSync(packageFile('package.json'), 'utf8')))
}
