/**
 * The node as Home Assistant is to see it: one message for the device and all of its entities (device-based discovery,
 * Home Assistant 2024.11 and later). Pure: made of the configuration, of what the chips have, and of the topics that
 * the rest of the agent publishes on.
 */
import { createHash } from 'node:crypto'
import type { Config, SensorConfig } from '../config/schema.ts'
import type { Quantity } from '../reading.ts'
import type { Telemetry } from '../telemetry.ts'
import { type Component, type Naming, type Platform, slugOf, uniqueId } from './component.ts'
import { metricComponent } from './metric.ts'
import { nodeComponents } from './node.ts'
import { counterComponents, inputComponent, outputComponent } from './pin.ts'

export interface About {
  /** The program's version. */
  readonly version: string
  /** Where there is help for it. */
  readonly supportUrl?: string | undefined
  /** What machine it runs on. */
  readonly model?: string | undefined
}

/** Every entity. `quantitiesOf`: what a sensor has, as far as it is known. */
export function components(
  config: Config,
  telemetry: Telemetry,
  quantitiesOf: (sensor: SensorConfig) => readonly Quantity[],
): Component[] {
  const naming: Naming = { device: deviceName(config), telemetry }
  return [
    ...config.sensors.flatMap((sensor) =>
      quantitiesOf(sensor).map((quantity) => metricComponent(sensor, quantity, naming)),
    ),
    ...config.gpio.outputs.map((output) => outputComponent(output, naming)),
    ...config.gpio.inputs.flatMap((input) =>
      input.mode === 'counter' ? counterComponents(input, naming) : [inputComponent(input, naming)],
    ),
    ...nodeComponents(naming),
  ]
}

/** The payload. `others` are put beside the components as they are: what is being removed. */
export function discovery(
  config: Config,
  all: readonly Component[],
  { version, supportUrl, model }: About,
  others: Readonly<Record<string, object>> = {},
): object {
  const { node, home_assistant } = config
  const area = home_assistant?.area
  return {
    device: {
      // First of all: see isAbout.
      identifiers: [identifier(node.id)],
      name: deviceName(config),
      ...(model?.startsWith('Raspberry Pi') === true ? { manufacturer: 'Raspberry Pi' } : {}),
      model: model ?? 'sensor-node',
      sw_version: version,
      ...(area === undefined ? {} : { suggested_area: area }),
    },
    origin: {
      name: 'sensor-node',
      sw_version: version,
      ...(supportUrl === undefined ? {} : { support_url: supportUrl }),
    },
    components: { ...Object.fromEntries(all.map((one) => [one.key, entity(node.id, one, all)])), ...others },
  }
}

/**
 * A component that is gone, so that Home Assistant removes its entity: with the platform alone. What it has not loaded
 * it can't remove, so that `revived` has it load the entity just before.
 */
export function removed(platform: Platform): object {
  return { platform }
}

/** As little as Home Assistant needs to take it for the entity that it knows. */
export function revived(node: string, key: string, platform: Platform, telemetry: Telemetry): object {
  const pin = Number(key.split('.')[1]) // of a switch, which is an output
  const control = platform === 'switch' ? { command_topic: telemetry.pinTopic(pin, 'command') } : {}
  return { platform, unique_id: uniqueId(node, key), state_topic: telemetry.nodeTopic('status'), ...control }
}

/**
 * Whether a discovery message is one that this program made for that node: another program may have taken its topic.
 * Looks at its beginning, as long messages come without their end; see `inbound-limit.ts`.
 */
export function isAbout(payload: string, node: string): boolean {
  const beginning = JSON.stringify({ device: { identifiers: [identifier(node)] } }).replace(/\}+$/, '')
  return payload.startsWith(beginning)
}

function identifier(node: string): string {
  return `sensor-node.${node}`
}

function deviceName({ node }: Config): string {
  return node.name ?? node.id
}

function entity(node: string, component: Component, all: readonly Component[]): object {
  const { key, platform, config } = component
  return {
    platform,
    unique_id: uniqueId(node, key),
    default_entity_id: `${platform}.${slugOf(node, suffixed(component, all))}`,
    ...config,
  }
}

/**
 * Two things can come to the same slug: `cpu` with a temperature, and the node's own CPU temperature. They are told
 * apart by what is unique, so that it does not matter which of them was there first.
 */
function suffixed({ key, platform, slug }: Component, all: readonly Component[]): string {
  const same = all.filter((other) => other.platform === platform && other.slug === slug)
  if (same.length < 2) return slug
  return `${slug}_${createHash('sha256').update(key).digest('hex').slice(0, 6)}`
}
