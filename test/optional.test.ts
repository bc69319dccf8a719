import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DriverUnavailableError } from '../src/errors.ts'
import { createLoad, loadOptional } from '../src/optional.ts'

/** A folder of the program, with what npm has left in it. */
let home: string
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'optional-'))
  await put('package-lock.json', '{}')
})
afterEach(async () => {
  await rm(home, { recursive: true })
})

async function put(file: string, text: string): Promise<void> {
  await mkdir(dirname(join(home, file)), { recursive: true })
  await writeFile(join(home, file), text)
}

/** Installs a package whose one file is `source`. */
const install = (name: string, source: string) => put(`node_modules/${name}/index.js`, source)

function refusal(name: string): DriverUnavailableError {
  try {
    createLoad(home)(name)
  } catch (error) {
    if (error instanceof DriverUnavailableError) return error
    throw error
  }
  throw new Error(`${name} was loaded`)
}

const COMPILED = ['onoff', 'i2c-bus', 'bme280-sensor', 'node-dht-sensor', 'epoll']
const COMPILER = 'install a compiler (sudo apt install build-essential python3), then run'
/** What `bindings` throws for an addon that was never built, and Node.js for one that was built for another. */
const UNBUILT = "throw new Error('Could not locate the bindings file. Tried:\\n → a\\n → b')"
const FOREIGN =
  "throw Object.assign(new Error('The module\\nwas compiled against a different Node.js version'), { code: 'ERR_DLOPEN_FAILED' })"

describe('an optional package', () => {
  it('that is there is loaded: the whole of what it exports', async () => {
    await install('driver', 'module.exports = class Driver {}')
    expect(createLoad(home)('driver')).toHaveProperty('name', 'Driver')
  })

  it.each(COMPILED)('%s that npm has left out: a compiler, and npm ci', (name) => {
    const error = refusal(name)
    expect(error.message).toBe(`driver ${name} is unavailable: it is not installed; ${COMPILER} npm ci in ${home}`)
    expect(error).toMatchObject({ packageName: name, cause: { code: 'MODULE_NOT_FOUND' } })
  })

  it.each(COMPILED)('%s that is there and was never built: a compiler, and npm rebuild', async (name) => {
    await install(name, UNBUILT)
    const reason = 'it does not load (Could not locate the bindings file. Tried:)'
    expect(refusal(name).message).toBe(`driver ${name} is unavailable: ${reason}; ${COMPILER} npm rebuild in ${home}`)
  })

  it.each(COMPILED)('%s that was built for another Node.js: npm rebuild', async (name) => {
    await install(name, FOREIGN)
    const reason = `it was built for another Node.js than this ${process.version} on ${process.arch}`
    expect(refusal(name).message).toBe(`driver ${name} is unavailable: ${reason}; ${COMPILER} npm rebuild in ${home}`)
  })

  it('that requires its own addon, which was never built, is not told as absent', async () => {
    await install('node-dht-sensor', "require('../build/Release/node_dht_sensor')")
    const { message } = refusal('node-dht-sensor')
    expect(message).toContain("it does not load (Cannot find module '../build/Release/node_dht_sensor')")
    expect(message).toContain(`${COMPILER} npm ci`) // which npm rebuild would leave as it is, were it another package
  })

  it('that needs one which is absent is not told as absent, and the absent one is named', async () => {
    await install('bme280-sensor', "require('i2c-bus')")
    expect(refusal('bme280-sensor').message).toContain("it does not load (Cannot find module 'i2c-bus')")
  })

  it.each([
    ['is absent', undefined, 'it is not installed'],
    ['lacks its binary', "throw new Error('Cannot find the native Koffi module')", 'it does not load (Cannot find'],
    ['has a binary for another system', FOREIGN, 'its binary does not load with this v'],
  ])('koffi that %s: no compiler, it comes compiled', async (_, source, reason) => {
    if (source !== undefined) await install('koffi', source)
    const { message } = refusal('koffi')
    expect(message).toContain(`driver koffi is unavailable: ${reason}`)
    expect(message).toMatch(/; it needs no compiler: run npm ci --include=optional in \S+$/)
    expect(message).not.toMatch(/apt|build-essential|rebuild/)
  })

  it('that really is no addon is told so, as Node.js refuses it', async () => {
    await put('node_modules/driver/index.node', 'not an addon')
    expect(refusal('driver').message).toContain('built for another Node.js than this')
  })

  it('that throws no error at all is told all the same, in one line', async () => {
    await install('driver', "throw 'broken\\nfor good'")
    expect(refusal('driver').message).toContain('it does not load (broken)')
  })

  it('of an installed program, which has no lock file, is mended in the clone', async () => {
    await rm(join(home, 'package-lock.json'))
    expect(refusal('onoff').message).toMatch(
      /, then run npm ci and sudo \.\/deploy\/install\.sh in the clone of sensor-node$/,
    )
    expect(refusal('koffi').message).toContain(
      'run npm ci --include=optional and sudo ./deploy/install.sh in the clone',
    )
  })

  it('of this program is looked for in its own folder', () => {
    expect(() => loadOptional('no-such-driver')).toThrow(`run npm ci in ${join(import.meta.dirname, '..')}`)
  })
})
