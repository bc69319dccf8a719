/**
 * What V8 has made of the program's text, kept for the next start, where Node.js can do that (22.8 and later). Only in the
 * folder that systemd gives a service for what may be lost: what lies there is run. Called by `main.ts` and `run.ts`.
 */
import module from 'node:module'

/** What later versions of Node.js have, and the types of the oldest don't. */
export interface CompileCache {
  /** Never throws: a folder that can't be used is no reason not to start. */
  readonly enableCompileCache?: (folder: string) => unknown
  readonly flushCompileCache?: () => void
}

const ofNode: CompileCache = module as object // whose types are those of the oldest version

/** From now on, what is loaded comes from there, if it was kept. `env`: the process's environment. */
export function useCompileCache(env: Readonly<Record<string, string | undefined>>, cache = ofNode): void {
  const folder = env.CACHE_DIRECTORY?.split(':')[0]
  if (folder !== undefined && folder !== '') cache.enableCompileCache?.(folder)
}

/** Writes it now: Node.js does so at a clean end only, and a Pi may lose its power before. Does nothing without the folder. */
export function keepCompileCache(cache = ofNode): void {
  cache.flushCompileCache?.()
}
