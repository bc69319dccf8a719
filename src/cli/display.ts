/** Turns what is published into lines for a person: `12:00:01  attic   temperature 21.5 °C   humidity 40.2 %`. */
import type { Config } from '../config/schema.ts'
import { isQuantity, QUANTITIES } from '../reading.ts'

/** Makes a display; it is handed every message of the node. */
export function createDisplay(config: Config, print: (line: string) => void): (topic: string, payload: string) => void {
  const { sensors, devices, gpio } = config.topics
  const names = new Map<string, string>()
  for (const { pin, name } of [...config.gpio.outputs, ...config.gpio.inputs]) {
    names.set(`${gpio}/${pin}`, name === undefined ? `pin ${pin}` : `pin ${pin} (${name})`)
  }
  const labels = [...names.values(), ...config.sensors.map(({ id }) => id ?? config.node.id), config.node.id]
  const width = Math.max(...labels.map((label) => label.length))
  const line = (label: string, text: string): void => print(`${clockTime()}  ${label.padEnd(width)}  ${text}`)

  return (topic, payload) => {
    const cut = topic.lastIndexOf('/')
    const owner = topic.slice(0, cut)
    const last = topic.slice(cut + 1)
    const pin = names.get(owner)
    if (last === 'data' && (owner === sensors || owner.startsWith(`${sensors}/`))) {
      line(owner === sensors ? config.node.id : owner.slice(sensors.length + 1), values(payload))
    } else if (pin !== undefined && last === 'state') {
      line(pin, payload === '1' ? 'on' : 'off')
    } else if (pin !== undefined && last === 'error') {
      line(pin, `refused: ${String(fields(payload).error)}`)
    } else if (topic === `${devices}/status`) {
      line(config.node.id, payload)
    }
  }
}

function values(payload: string): string {
  return Object.entries(fields(payload))
    .flatMap(([name, value]) => (isQuantity(name) ? [`${name} ${value} ${QUANTITIES[name].unit}`.trimEnd()] : []))
    .join('   ')
}

/** Of a JSON object; anybody may publish anything else on our topics. */
function fields(payload: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(payload)
    return typeof json === 'object' && json !== null ? { ...json } : {}
  } catch {
    return {}
  }
}

function clockTime(): string {
  return new Date().toTimeString().slice(0, 8)
}
