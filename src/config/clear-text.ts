/** Where the broker is, and whether a password goes there for others to read. Apart from the other advice: it takes the password's file, too. */
import { BlockList, isIPv6 } from 'node:net'
import type { Problem } from '../errors.ts'
import type { ParsedConfig } from './schema.ts'
import { type ConfigNode, entry, good, problemAt } from './tree.ts'

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

/** A password on its way to another machine, for anybody there to read. */
export function clearTextPassword(root: ConfigNode, mqtt: ParsedConfig['mqtt']): Problem[] {
  const url = good(entry(root, 'mqtt', 'url')) // a broker elsewhere is always named in the file
  const withPassword = mqtt.password !== undefined || mqtt.password_file !== undefined
  if (url === undefined || !withPassword || !/^mqtt:/i.test(mqtt.url) || isLoopback(mqtt.url)) return []
  const message = 'the password goes over the network in clear text, to a broker on another machine'
  return [problemAt(url, message, 'use mqtts://')]
}
