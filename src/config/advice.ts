/** Warnings: what works, and is not wise. */
import { BlockList, isIPv6 } from 'node:net'
import type { Problem } from '../errors.ts'
import { good, pulls } from './conflicts.ts'
import { loneInterlocks } from './interlock-conflicts.ts'
import type { ParsedConfig } from './schema.ts'
import { type ConfigNode, entry, items, problemAt } from './tree.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8) // RFC 5735, section 3
loopback.addAddress('::1', 'ipv6') // RFC 4291, section 2.5.3

/** The names that Debian's /etc/hosts gives to loopback addresses. */
const LOOPBACK_NAMES = ['localhost', 'ip6-localhost', 'ip6-loopback']

/** Whether the broker of an address is on this very machine. */
export function isLoopback(url: string): boolean {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '').toLowerCase()
  if (LOOPBACK_NAMES.includes(host) || host.endsWith('.localhost')) return true
  return loopback.check(host, isIPv6(host) ? 'ipv6' : 'ipv4')
}

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

/** A password on its way to another machine, for anybody there to read. */
export function clearTextPassword(root: ConfigNode, mqtt: ParsedConfig['mqtt']): Problem[] {
  const url = good(entry(root, 'mqtt', 'url')) // a broker elsewhere is always named in the file
  const withPassword = mqtt.password !== undefined || mqtt.password_file !== undefined
  if (url === undefined || !withPassword || !/^mqtt:/i.test(mqtt.url) || isLoopback(mqtt.url)) return []
  const message = 'the password goes over the network in clear text, to a broker on another machine'
  return [problemAt(url, message, 'use mqtts://')]
}
