/** Warnings: what works, and is not wise. */
import type { Problem } from '../errors.ts'
import { clearTextPassword, isLoopback } from './clear-text.ts'
import { pulls } from './conflicts.ts'
import { loneInterlocks } from './interlock-conflicts.ts'
import type { ParsedConfig } from './schema.ts'
import { type ConfigNode, entry, good, items, problemAt } from './tree.ts'

/** `nodeId` is the id that the topics have. */
export function advise(root: ConfigNode, parsed: ParsedConfig, nodeId: string): Problem[] {
  const { gpio, mqtt, topics } = parsed
  const counters = gpio.inputs.some(({ mode }) => mode === 'counter') // for them `auto` never takes onoff
  const pulls = gpio.backend === 'auto' && !counters ? pullsByAuto(root) : []
  const warnings = [...pulls, ...loneInterlocks(root, parsed)]
  const mqttNode = entry(root, 'mqtt')
  const url = entry(mqttNode, 'url') // a broker elsewhere is always named in the file
  const password = good(entry(mqttNode, 'password'))
  if (password !== undefined && !password.expanded) {
    const message = 'the password stands in the file, for everybody who may read or copy it'
    warnings.push(problemAt(password, message, `use password_file, or \${NAME} from the environment`))
  }
  if (url === undefined || url.refused || isLoopback(mqtt.url)) return warnings
  const prefix = entry(root, 'topics', 'gpio')
  const pins = [...items(entry(root, 'gpio', 'outputs')), ...items(entry(root, 'gpio', 'inputs'))]
  const own = topics.gpio.includes('{node}') || topics.gpio.split('/').includes(nodeId)
  if (pins.length > 0 && prefix?.refused !== true && !own) {
    const message =
      'the prefix of the pins does not name the node: nodes that share this broker obey each other’s commands'
    warnings.push(problemAt(prefix ?? url, message, 'write topics.gpio: "gpio/{node}"'))
  }
  return [...warnings, ...clearTextPassword(root, mqtt)]
}

/** What `auto` stands for depends on the machine. */
function pullsByAuto(root: ConfigNode): Problem[] {
  const message = 'the pin can’t be opened where gpio.backend: auto takes onoff, which sets no pulls'
  return pulls(root).map(({ node, remedy }) => problemAt(node, message, remedy))
}
