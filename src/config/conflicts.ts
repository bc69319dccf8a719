/**
 * What only the whole file shows: ids and pins that are used twice, and a file that asks for nothing. Looks at the
 * tree rather than at the parsed configuration where it can, so that a fault beside an id or a pin hides no clash.
 */
import type { Problem } from '../errors.ts'
import { PULLS, pullRemedy } from '../gpio/pull.ts'
import { sensorTypes } from '../sensors/index.ts'
import { typedValue } from './expand.ts'
import type { ParsedConfig } from './schema.ts'
import { type ConfigNode, entry, good, items, named, problemAt, shown, usableItems } from './tree.ts'

/** All of them. `parsed` is what the schema left of `root`. */
export function findConflicts(root: ConfigNode, parsed: ParsedConfig): Problem[] {
  return [
    ...nothingToDo(root),
    ...sharedIds(root),
    ...sharedPins(root, parsed),
    ...sharedAddresses(root, parsed),
    ...pullsByOnoff(root, parsed),
    ...countersByOnoff(root, parsed),
  ]
}

function nothingToDo(root: ConfigNode): Problem[] {
  const parts = [['sensors'], ['gpio'], ['gpio', 'outputs'], ['gpio', 'inputs']].map((path) => entry(root, ...path))
  if (parts.some((node) => node !== undefined && (node.refused || items(node).length > 0))) return []
  const remedy = 'add an entry to the list sensors, or to outputs or inputs below gpio'
  return [problemAt(root, 'there is nothing to do: the file has neither sensors nor pins', remedy)]
}

function sharedIds(root: ConfigNode): Problem[] {
  const problems: Problem[] = []
  const first = new Map<unknown, ConfigNode>()
  for (const sensor of items(entry(root, 'sensors'))) {
    if (sensor.kind !== 'map') continue
    const given = entry(sensor, 'id')
    const id = good(given)
    if (given !== undefined && id === undefined) continue
    const holder = first.get(id?.value)
    if (holder === undefined) first.set(id?.value, id ?? sensor)
    else if (id === undefined) {
      const message = `has no id, and neither has ${named(holder)}: they would share the node's own topics`
      problems.push(problemAt(sensor, message, 'give all but one of them an id'))
    } else {
      const message = `${sharedValue(id, holder)} is the id of two sensors: this one, and ${named(holder)}`
      problems.push(problemAt(id, message, 'ids must differ'))
    }
  }
  return problems
}

/** What two nodes have in common; as a reference, where showing it would show text from the environment. */
function sharedValue(node: ConfigNode, other: ConfigNode): string {
  return shown(other.kind === 'scalar' && other.expanded ? other : node)
}

/** A pin of the header that the file asks for. */
export interface Use {
  readonly pin: number
  /** Where it is asked for. */
  readonly node: ConfigNode
  /** The sensor that uses it itself; without one it is among `gpio`. */
  readonly sensor?: ParsedConfig['sensors'][number]
}

/** Every use of a pin, in the order of the file. */
export function pinUses(root: ConfigNode, parsed: ParsedConfig): Use[] {
  const uses = [...sensorPins(root, parsed), ...gpioPins(root, 'outputs'), ...gpioPins(root, 'inputs')]
  return uses.sort(byPlace)
}

function sharedPins(root: ConfigNode, parsed: ParsedConfig): Problem[] {
  const problems: Problem[] = []
  const first = new Map<number, ConfigNode>()
  for (const { pin, node } of pinUses(root, parsed)) {
    const holder = first.get(pin)
    if (holder === undefined) first.set(pin, node)
    else {
      const message = `pin ${sharedValue(node, holder)} is used twice: here, and by ${named(holder)}`
      problems.push(problemAt(node, message, 'a pin has one use'))
    }
  }
  return problems
}

/** Sysfs sets no pulls. Where `auto` will find it is not known here: see advice.ts. */
function pullsByOnoff(root: ConfigNode, { gpio }: ParsedConfig): Problem[] {
  if (gpio.backend !== 'onoff') return []
  return pulls(root).map(({ node, remedy }) => problemAt(node, 'can’t be had with gpio.backend: onoff', remedy))
}

/** Every pull of an input that is there and right, and how to have it with onoff. */
export function pulls(root: ConfigNode): { readonly node: ConfigNode; readonly remedy: string }[] {
  return items(entry(root, 'gpio', 'inputs')).flatMap((item) => {
    const node = good(entry(item, 'pull'))
    const pull = PULLS.find((name) => name === node?.value)
    if (node === undefined || pull === undefined) return []
    const pin = good(entry(item, 'pin'))
    return [{ node, remedy: pullRemedy(pin === undefined ? 'N' : Number(typedValue(pin)), pull) }]
  })
}

/** Sysfs loses edges. `auto` takes the character device for a counter: see choose.ts. */
function countersByOnoff(root: ConfigNode, { gpio }: ParsedConfig): Problem[] {
  if (gpio.backend !== 'onoff') return []
  const modes = items(entry(root, 'gpio', 'inputs')).map((item) => good(entry(item, 'mode')))
  const message = 'can’t be had with gpio.backend: onoff, as sysfs loses edges'
  return modes.flatMap((node) =>
    node?.value === 'counter'
      ? [problemAt(node, message, 'set gpio.backend: chardev, or auto, which then takes it')]
      : [],
  )
}

function byPlace({ node: { at: a } }: Use, { node: { at: b } }: Use): number {
  return a.line - b.line || a.column - b.column
}

/** Of one of the two lists below `gpio`. */
export function gpioPins(root: ConfigNode, list: 'outputs' | 'inputs'): Use[] {
  return items(entry(root, 'gpio', list)).flatMap((item) => {
    const node = good(entry(item, 'pin'))
    return node === undefined ? [] : [{ pin: Number(typedValue(node)), node }]
  })
}

function isNumber(node: ConfigNode, number: number): boolean {
  const scalar = good(node)
  return scalar !== undefined && typedValue(scalar) === number
}

/** Pins that sensors use themselves, each at the option that names it. */
function sensorPins(root: ConfigNode, parsed: ParsedConfig): Use[] {
  const nodes = usableItems(entry(root, 'sensors'))
  return parsed.sensors.flatMap((sensor, index) => {
    const node = nodes[index]
    if (node?.kind !== 'map') return []
    const options = [...node.entries.values()]
    return (sensorTypes[sensor.type].pins?.(sensor) ?? []).flatMap((pin) => {
      const option = options.find((value) => isNumber(value, pin))
      // Without its option in the file it is a default, unless the option is there and wrong.
      if (option === undefined && options.some(({ refused }) => refused)) return []
      return [{ pin, node: option ?? node, sensor }]
    })
  })
}

/** Two sensors that name the same bus and address would be one chip, measured twice: a block that was copied. */
function sharedAddresses(root: ConfigNode, parsed: ParsedConfig): Problem[] {
  const problems: Problem[] = []
  const first = new Map<string, ConfigNode>()
  const nodes = usableItems(entry(root, 'sensors'))
  for (const [index, sensor] of parsed.sensors.entries()) {
    const node = nodes[index]
    const { bus, address } = sensor as { readonly bus?: unknown; readonly address?: unknown } // options of the type's own
    if (node?.kind !== 'map' || typeof bus !== 'number' || typeof address !== 'number') continue
    // One that is there and wrong has been told; the default that stands in for it is nobody's choice.
    if (['bus', 'address'].some((key) => entry(node, key)?.refused)) continue
    const place = `address 0x${address.toString(16)} of bus ${bus}`
    const holder = first.get(place)
    const at = entry(node, 'address') ?? node
    if (holder === undefined) first.set(place, at)
    else {
      problems.push(problemAt(at, `${place} is used twice: here, and by ${named(holder)}`, 'a chip is one sensor'))
    }
  }
  return problems
}
