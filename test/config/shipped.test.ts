/** The shipped configuration: what is live in it, and that each part that is commented out is true. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type Loaded, loadConfig } from '../../src/config/load.ts'

const SHIPPED = new URL('../../config.yaml', import.meta.url)

/** What would be configuration without its `# `: a key, or an entry of a list. Explanations begin with a capital. */
const COMMENTED_OUT = /^( *)# ((?: *)(?:- )?[a-z_]+:(?: .*)?)$/

/** The file once for each part, with that part alone in use. */
function variants(text: string): { part: string; text: string }[] {
  const lines = text.split('\n')
  const found: { part: string; text: string }[] = []
  for (let start = 0; start < lines.length; start += 1) {
    if (!COMMENTED_OUT.test(lines[start] ?? '')) continue
    let end = start
    while (COMMENTED_OUT.test(lines[end] ?? '')) end += 1
    const used = lines.map((line, index) =>
      index >= start && index < end ? line.replace(COMMENTED_OUT, '$1$2') : line,
    )
    found.push({ part: (lines[start] ?? '').trim(), text: used.join('\n') })
    start = end
  }
  return found
}

async function load(text: string): Promise<Loaded> {
  const folder = await mkdtemp(join(tmpdir(), 'sensor-node-shipped-'))
  try {
    await writeFile(join(folder, 'config.yaml'), text)
    await writeFile(join(folder, 'mqtt-password'), 'x\n', { mode: 0o600 })
    await writeFile(join(folder, 'ca.crt'), 'pem\n')
    return await loadConfig(join(folder, 'config.yaml'), { env: {}, hostname: 'rpi001' })
  } finally {
    await rm(folder, { recursive: true })
  }
}

it('has no credentials and no id, two sensors, and the LED as its only pin', async () => {
  const { config, warnings } = await load(await readFile(SHIPPED, 'utf8'))
  expect(warnings).toEqual([])
  expect(config.node.id).toBe('rpi001')
  expect(config.mqtt).toMatchObject({ url: 'mqtt://localhost:1883' })
  expect(config.mqtt.username ?? config.mqtt.password ?? config.mqtt.password_file).toBeUndefined()
  expect(config.sensors).toMatchObject([
    { type: 'bme280', bus: 1, address: 0x76, interval: 10_000 },
    { type: 'system', id: 'board', interval: 60_000 },
  ])
  expect(config.sensors[0]?.id).toBeUndefined()
  expect(config.gpio.outputs).toMatchObject([{ pin: 17, name: 'LED' }])
  expect(config.gpio.inputs).toEqual([])
})

it('has parts to use that load, each by itself, without a warning', async () => {
  const parts = variants(await readFile(SHIPPED, 'utf8'))
  expect(parts.map(({ part }) => part)).toEqual([
    '# node:',
    '# home_assistant: true',
    '# username: kitchen',
    '# tls:',
    '# - type: dht11',
    '# - type: ads1115',
    '# - type: ds18b20',
    '# - type: iio',
    '# - type: simulated',
    '# - pin: 22',
    '# inputs:',
    '# topics:',
  ])
  const before = JSON.stringify((await load(await readFile(SHIPPED, 'utf8'))).config)
  for (const { part, text } of parts) {
    // TLS is for an address with mqtts://, as its comment says.
    const loading = load(part === '# tls:' ? text.replace('url: mqtt:', 'url: mqtts:') : text)
    await expect(loading, part).resolves.toMatchObject({ warnings: [] })
    expect(JSON.stringify((await loading).config), part).not.toBe(before)
  }
})

it('is short', async () => {
  expect((await readFile(SHIPPED, 'utf8')).split('\n').length).toBeLessThan(110)
})
