/** The worked example of CONTRIBUTING.md is compiled into a copy of the program, and reads a fixture tree. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLog } from '../src/log.ts'
import type { SensorType } from '../src/sensors/sensor.ts'
import { FakeClock } from './fakes/fake-clock.ts'

const top = fileURLToPath(new URL('..', import.meta.url))
const text = readFileSync(join(top, 'CONTRIBUTING.md'), 'utf8')
const blocks = [...text.matchAll(/```ts\n\/\/ (\S+)\n([\s\S]*?)```/g)].map(([, file, code]) => ({ file, code }))

describe('the example in CONTRIBUTING.md', () => {
  let folder: string
  let types: Readonly<Record<string, SensorType>>

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sensor-node-example-'))
    cpSync(join(top, 'src'), join(folder, 'src'), { recursive: true })
    for (const file of ['tsconfig.json', 'package.json']) cpSync(join(top, file), join(folder, file))
    symlinkSync(join(top, 'node_modules'), join(folder, 'node_modules'))
    const [file, line] = blocks
    writeFileSync(join(folder, 'src/sensors/light.ts'), file?.code ?? '')
    const registry = join(folder, 'src/sensors/index.ts')
    const [importLine = '', types_ = ''] = (line?.code ?? '').trim().split('\n\n')
    writeFileSync(registry, `${importLine}\n${readFileSync(registry, 'utf8').replace(/^const types = .*$/m, types_)}`)
    execFileSync(join(top, 'node_modules/.bin/tsc'), [], { cwd: folder, stdio: 'pipe' })
    const built: { sensorTypes: typeof types } = await import(join(folder, 'build/sensors/index.js'))
    types = built.sensorTypes
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const open = (root: string) => {
    const type = types.light
    if (type === undefined) throw new Error('the registry does not know it')
    const options = { ...type.options.parse({ device: 3 }), metrics: {} }
    return type.open(options, { clock: new FakeClock(), log: silentLog(), root, name: 'light' })
  }
  const fixture = (content: string): string => {
    const root = mkdtempSync(join(folder, 'root-'))
    mkdirSync(join(root, 'sys/bus/iio/devices/iio:device3'), { recursive: true })
    writeFileSync(join(root, 'sys/bus/iio/devices/iio:device3/in_illuminance_input'), content)
    return root
  }
  const signal = (): AbortSignal => new AbortController().signal

  it('is a file and a line in the registry', () => {
    expect(blocks.map(({ file }) => file)).toEqual(['src/sensors/light.ts', 'src/sensors/index.ts'])
    expect(Object.keys(types)).toContain('light')
  })

  it('reads what the kernel shows', async () => {
    const sensor = await open(fixture('412.5\n'))
    expect(await sensor.read(signal())).toEqual({ illuminance: 412.5 })
  })

  it.each(['', 'error\n', 'nan\n'])('makes no number of %j', async (content) => {
    const sensor = await open(fixture(content))
    await expect(sensor.read(signal())).rejects.toMatchObject({ kind: 'invalid-data' })
  })

  it('fails as a bus does where the file is not there', async () => {
    const sensor = await open(folder)
    await expect(sensor.read(signal())).rejects.toMatchObject({ kind: 'bus' })
  })
})
