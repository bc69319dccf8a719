import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DriverUnavailableError } from '../src/errors.ts'
import { loadOptional } from '../src/optional.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'optional-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

async function failing(name: string, source: string): Promise<DriverUnavailableError> {
  const file = join(folder, name)
  await writeFile(file, source)
  return thrownBy(file)
}

function thrownBy(packageName: string): DriverUnavailableError {
  try {
    loadOptional(packageName)
  } catch (error) {
    if (error instanceof DriverUnavailableError) return error
    throw error
  }
  throw new Error(`${packageName} was loaded`)
}

describe('an optional package', () => {
  it('that is there is loaded: the whole of what it exports', async () => {
    const file = join(folder, 'driver.cjs')
    await writeFile(file, 'module.exports = class Driver {}')
    expect(loadOptional(file)).toHaveProperty('name', 'Driver')
  })

  it('that is not installed is told so, with the way to get it', () => {
    const error = thrownBy('no-such-driver')
    expect(error.packageName).toBe('no-such-driver')
    expect(error.message).toMatch(/^driver no-such-driver is unavailable: it is not installed; .*npm install again$/)
    expect(error.cause).toHaveProperty('code', 'MODULE_NOT_FOUND')
  })

  it('whose addon is no addon for this Node is told so', async () => {
    const error = await failing('driver.node', 'not an addon')
    expect(error.message).toContain(`built for another Node.js than this ${process.version}`)
    expect(error.message).toContain('npm rebuild')
  })

  it('that throws while it loads is told so in one line', async () => {
    const error = await failing(
      'driver.cjs',
      "throw new Error('Could not locate the bindings file. Tried:\\n → a\\n → b')",
    )
    expect(error.message).toContain('it does not load (Could not locate the bindings file. Tried:)')
    expect(error.message).not.toContain('\n')
  })

  it('that throws no error at all is told all the same', async () => {
    expect((await failing('driver.cjs', "throw 'broken'")).message).toContain('it does not load (broken)')
  })
})
