/** Where what V8 has compiled is kept, and that nothing depends on it. */
import { describe, expect, it } from 'vitest'
import { type CompileCache, keepCompileCache, useCompileCache } from '../../src/cli/compile-cache.ts'

function recorder(): { readonly folders: string[]; readonly cache: CompileCache } {
  const folders: string[] = []
  return { folders, cache: { enableCompileCache: (folder) => folders.push(folder) } }
}

describe('the compile cache', () => {
  it('is in the folder that systemd gives, the first of several', () => {
    const { folders, cache } = recorder()
    useCompileCache({ CACHE_DIRECTORY: '/var/cache/sensor-node' }, cache)
    useCompileCache({ CACHE_DIRECTORY: '/var/cache/a:/var/cache/b' }, cache)
    expect(folders).toEqual(['/var/cache/sensor-node', '/var/cache/a'])
  })

  it.each([{}, { CACHE_DIRECTORY: '' }, { STATE_DIRECTORY: '/var/lib/sensor-node', HOME: '/root' }])(
    'is nowhere else: %o',
    (env) => {
      const { folders, cache } = recorder()
      useCompileCache(env, cache)
      expect(folders).toEqual([])
    },
  )

  it('is not missed where Node.js has none', () => {
    expect(() => {
      useCompileCache({ CACHE_DIRECTORY: '/var/cache/sensor-node' }, {})
      keepCompileCache({})
    }).not.toThrow()
  })

  it('is written when it is asked for', () => {
    let written = 0
    const flushCompileCache = (): void => {
      written += 1
    }
    keepCompileCache({ flushCompileCache })
    expect(written).toBe(1)
  })
})
