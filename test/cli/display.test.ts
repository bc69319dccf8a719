import { describe, expect, it } from 'vitest'
import { createDisplay } from '../../src/cli/display.ts'
import { parseConfig } from '../../src/config/load.ts'

const TEXT = `
node: { id: rpi001 }
sensors:
  - { type: bme280 }
  - { id: attic, type: dht11, pin: 4 }
gpio:
  outputs: [{ pin: 17, name: LED }]
`

function shown(topic: string, payload: string): string[] {
  const { config } = parseConfig(TEXT, 'config.yaml', { env: {}, hostname: 'pi' })
  if (config === undefined) throw new Error('the configuration is wrong')
  const lines: string[] = []
  createDisplay(config, (line) => lines.push(line.replace(/^\d\d:\d\d:\d\d {2}/, '').replaceAll(/ {2,}/g, '  ')))(
    topic,
    payload,
  )
  return lines
}

describe('the display', () => {
  it.each([
    ['sensors/rpi001/data', '{"seq":1,"temperature":21.5,"humidity":40}', 'rpi001  temperature 21.5 °C  humidity 40 %'],
    ['sensors/rpi001/attic/data', '{"temperature":9}', 'attic  temperature 9 °C'],
    ['gpio/17/state', '1', 'pin 17 (LED)  on'],
    ['gpio/17/error', '{"error":"no"}', 'pin 17 (LED)  refused: no'],
    ['devices/rpi001/status', 'online', 'rpi001  online'],
  ])('shows %s', (topic, payload, line) => {
    expect(shown(topic, payload)).toEqual([line])
  })

  it.each(['sensors/rpi001/temperature', 'gpio/17/command', 'other/topic'])('leaves %s out', (topic) => {
    expect(shown(topic, 'x')).toEqual([])
  })

  it.each(['sensors/rpi001/data', 'gpio/17/error'])('survives what somebody else publishes on %s', (topic) => {
    for (const payload of ['', 'hello', '[', 'null', '7']) expect(() => shown(topic, payload)).not.toThrow()
  })
})
