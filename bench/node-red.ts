/**
 * Node-RED as a peer: from npm into a cache folder, on request only, never a dependency of ours. Its flow does the same
 * job with its own nodes: MQTT in and out, an inject at an interval, a function for the readings and one for the commands.
 */
import { execFile } from 'node:child_process'
import { access, mkdir, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Absent, type Contestant, type Job, NODE, type Wanted } from './contestants.ts'

const INSTALL_MS = 600_000

export async function nodeRed({ node, by }: Wanted): Promise<Contestant | Absent> {
  const name = 'Node-RED'
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sensor-node-bench')
  const program = join(cache, 'node_modules/node-red/red.js')
  try {
    if (!(await isThere(program))) {
      await mkdir(cache, { recursive: true })
      // With a package of its own, so that npm does not look for one further up.
      await writeFile(join(cache, 'package.json'), '{ "private": true }\n')
      const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--omit=optional', 'node-red']
      await promisify(execFile)('npm', args, { cwd: cache, timeout: INSTALL_MS })
    }
  } catch (error) {
    return { name, why: `npm could not install it into ${cache}: ${error instanceof Error ? error.message : error}` }
  }
  return {
    name,
    async program(job, folder) {
      await mkdir(folder, { recursive: true })
      await writeFile(join(folder, 'flows.json'), JSON.stringify(flowOf(job)))
      // No editor, no HTTP: what a node in the attic would switch off, too.
      const settings = `module.exports = { flowFile: 'flows.json', httpAdminRoot: false, httpNodeRoot: false, disableEditor: true, uiPort: 0, telemetry: { enabled: false }, credentialSecret: false }\n`
      const file = join(folder, 'settings.cjs')
      await writeFile(file, settings)
      const [command = node, ...rest] = [...by, node, program, '--userDir', folder, '--settings', file]
      return { command, args: rest }
    },
  }
}

function flowOf({ port, as = NODE, sensors, intervalMs, quantities, what }: Job): readonly object[] {
  const status = `devices/${as}/status`
  const readings = `
    const send = (topic, payload, more) => node.send({ topic, payload, qos: 1, ...more })
    const value = Math.round(215 + 25 * Math.sin(Date.now() / 10000)) / 10
    const names = ${JSON.stringify(quantities)}
    let seq = context.get('seq') || 0
    for (let index = 0; index < ${sensors}; index += 1) {
      const sensor = 's' + index
      const values = Object.fromEntries(names.map((name) => [name, value]))
      if (${what === 'both'}) for (const name of names) send('sensors/${as}/' + sensor + '/' + name, '' + value, { retain: true })
      const record = { timestamp: new Date().toISOString(), node: '${as}', sensor, run: 'bare', seq: seq++, ...values }
      send('sensors/${as}/' + sensor + '/data', JSON.stringify(record), { retain: false })
    }
    context.set('seq', seq)`
  const echo = `
    return { topic: msg.topic.replace(/command$/, 'state'), payload: msg.payload === 'on' ? '1' : '0', qos: 1, retain: true }`
  const code = (func: string): object => ({
    type: 'function',
    func,
    outputs: 1,
    initialize: '',
    finalize: '',
    libs: [],
  })
  const own = { z: 'tab', x: 0, y: 0 }
  return [
    { id: 'tab', type: 'tab', label: 'bench' },
    {
      ...{ id: 'broker', type: 'mqtt-broker', broker: '127.0.0.1', port: `${port}`, clientid: as, autoConnect: true },
      ...{ protocolVersion: '5', keepalive: '60', cleansession: true, usetls: false, sessionExpiry: '' },
      ...{ birthTopic: status, birthQos: '1', birthRetain: 'true', birthPayload: 'online', birthMsg: {} },
      ...{ willTopic: status, willQos: '1', willRetain: 'true', willPayload: 'offline', willMsg: {} },
    },
    { ...own, id: 'out', type: 'mqtt out', topic: '', qos: '', retain: '', broker: 'broker', wires: [] },
    {
      ...{ ...own, id: 'in', type: 'mqtt in', topic: 'gpio/+/command', qos: '2', datatype: 'utf8', broker: 'broker' },
      ...{ nl: false, rap: true, rh: 0, inputs: 0, wires: [['echo']] },
    },
    { ...own, id: 'echo', ...code(echo), wires: [['out']] },
    {
      ...{ ...own, id: 'tick', type: 'inject', props: [], repeat: `${intervalMs / 1000}`, crontab: '', once: true },
      ...{ onceDelay: 0.1, topic: '', wires: [['read']] },
    },
    { ...own, id: 'read', ...code(readings), wires: [['out']] },
  ]
}

function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}
