/** `sensor-node gpio` against our own node and against others, at a real broker. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt, { type MqttClient } from 'mqtt'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { BUILT, runToEnd, startAgent } from './fakes/agent-process.ts'
import { freePort, type Mosquitto, startMosquitto } from './fakes/mosquitto.ts'
import { describeWith } from './fakes/tools.ts'

describeWith(['mosquitto'], 'sensor-node gpio', () => {
  const cleanups: (() => Promise<unknown>)[] = []
  let folder: string
  let broker: Mosquitto
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sensor-node-gpio-'))
    broker = await startMosquitto()
    cleanups.push(
      () => rm(folder, { recursive: true }),
      () => broker.stop(),
    )
  })
  afterEach(async () => {
    for (const clean of cleanups.splice(0).reverse()) await clean()
  })

  /** Our own node, with an LED on 17 and a door on 27. */
  const node = async (topics = '', protocol = 5): Promise<string> => {
    const file = join(folder, 'config.yaml')
    await writeFile(
      file,
      `node: { id: rpi001 }
mqtt: { url: "${broker.url}", protocol: ${protocol} }
gpio: { backend: mock, outputs: [{ pin: 17, name: LED, max_on: 10m }], inputs: [{ pin: 27 }] }
${topics}`,
    )
    const agent = startAgent(['run', '--config', file])
    cleanups.push(() => agent.end('SIGKILL'))
    await agent.wrote(/connected/)
    return file
  }

  /** Somebody else's node: is told of each command, and does as it likes. */
  const other = async (
    act: (
      command: { id: string; state: string },
      answer: (topic: string, payload: string) => void,
      reply: string,
    ) => void,
    prefix = 'gpio',
  ): Promise<MqttClient> => {
    const client = await mqtt.connectAsync(broker.url, { protocolVersion: 5 })
    cleanups.push(() => client.endAsync(true))
    client.on('message', (_, payload, { properties }) => {
      const answer = (topic: string, text: string): void => {
        client.publish(topic, text, {
          qos: 1,
          properties: { correlationData: properties?.correlationData ?? Buffer.of() },
        })
      }
      act(JSON.parse(payload.toString()), answer, properties?.responseTopic ?? '')
    })
    await client.subscribeAsync(`${prefix}/+/command`, { qos: 2 })
    return client
  }

  const gpio = (...args: string[]) => runToEnd(['gpio', '--url', broker.url, ...args], { cwd: folder })

  it.each([4, 5])('switches at a broker that takes no QoS 2, by protocol %i', async (protocol) => {
    await broker.kill()
    await broker.start(['allow_anonymous true', 'max_qos 1'])
    const file = await node('', protocol)
    const { code, output } = await runToEnd(['gpio', '17', 'toggle', '--config', file])
    expect([code, output]).toEqual([0, '17 on\n'])
  })

  it('switches, prints the new state and exits 0', async () => {
    await node()
    expect(await gpio('17', 'on')).toEqual({ code: 0, output: '17 on\n' })
    expect(await gpio('17', 'toggle')).toEqual({ code: 0, output: '17 off\n' })
    expect(await gpio('GPIO17', 'HIGH', '--for', '5m')).toEqual({ code: 0, output: '17 on\n' })
    expect(await gpio('17', 'off', '--json')).toEqual({
      code: 0,
      output: '{"pin":17,"outcome":"switched","state":0,"by":"answer"}\n',
    })
  })

  it('takes broker, prefix and node from the configuration', async () => {
    const file = await node('topics: { gpio: "gpio/{node}" }')
    expect(await runToEnd(['gpio', '17', 'on', '--config', file])).toEqual({ code: 0, output: '17 on\n' })
    expect(await gpio('17', 'off', '--node', 'rpi001')).toEqual({ code: 0, output: '17 off\n' })
    expect((await gpio('17', 'off', '--timeout', '300ms')).code).toBe(4)
  })

  it('works where node and tool speak MQTT 3.1.1', async () => {
    const file = await node('', 4)
    expect(await runToEnd(['gpio', '17', 'on', '--config', file])).toEqual({ code: 0, output: '17 on\n' })
  })

  it.each([
    ['an input', ['27', 'on'], 'is an input'],
    ['a pin that the node has not', ['22', 'on'], 'pin 22 is not in the configuration'],
    ['a time beyond max_on', ['17', 'on', '--for', '11m'], 'max_on'],
  ])('exits 5 with the reason where the node refuses: %s', async (_, args, reason) => {
    await node()
    const { code, output } = await gpio(...args)
    expect([code, output]).toEqual([5, expect.stringContaining(reason)])
  })

  it('carries out lines of standard input in their order; the exit code is that of the first failure', async () => {
    await node()
    const child = spawn(process.execPath, [BUILT, 'gpio', '--url', broker.url], { cwd: folder, stdio: 'pipe' })
    const said = { out: '', err: '' }
    child.stdout.on('data', (bytes: Buffer) => (said.out += bytes.toString()))
    child.stderr.on('data', (bytes: Buffer) => (said.err += bytes.toString()))
    const ended = new Promise((resolve) => child.once('close', resolve))
    child.stdin.end('# a comment\n17 on\n\n27 on\n17 nonsense\n17 off 5s extra\n17 toggle\n17 on --for 5s\n')
    expect(await ended).toBe(5)
    expect(said.out).toBe('17 on\n17 off\n17 on\n')
    expect(said.err).toMatch(/27: refused: .*input/)
    expect(said.err).toMatch(/line 5: “nonsense” is none of on, off, toggle/)
    expect(said.err).toMatch(/line 6: /)
  })

  it('takes the answer of any node on the response topic, and no other client’s', async () => {
    await other(({ id }, answer, reply) => {
      answer(reply.replace(/[^/]+$/, 'somebody'), JSON.stringify({ id, state: 1 }))
      answer('gpio/17/result', JSON.stringify({ id: 'not-mine', state: 1 }))
      answer('gpio/17/error', JSON.stringify({ error: 'of another', command: 'on' }))
      answer(reply, JSON.stringify({ id, ok: false, error: 'no\u001b[2J' }))
    })
    expect(await gpio('17', 'on')).toEqual({ code: 5, output: '17: refused: no\ufffd[2J\n' })
  })

  it('takes a refusal that is told on error alone', async () => {
    await other((command, answer) =>
      answer('gpio/17/error', JSON.stringify({ error: 'busy', command: JSON.stringify(command).slice(0, 64) })),
    )
    expect(await gpio('17', 'on')).toEqual({ code: 5, output: '17: refused: busy\n' })
  })

  it('of a node without answers takes the state that follows, and says so', async () => {
    const client = await other((_, answer) => answer('gpio/17/state', '0'))
    await client.publishAsync('gpio/17/state', '1', { retain: true, qos: 1 })
    const { code, output } = await gpio('17', 'toggle')
    expect(code).toBe(0)
    expect(output).toContain('17 off\n')
    expect(output).toContain('the node gave no answer; this is the state that followed')
  })

  it('never takes the state that the broker keeps for an answer, and exits 4 where nobody answers', async () => {
    const client = await other(() => {})
    await client.publishAsync('gpio/17/state', '1', { retain: true, qos: 1 })
    const { code, output } = await gpio('17', 'on', '--timeout', '700ms')
    expect([code, output]).toEqual([4, expect.stringContaining('no answer within 700ms')])
    expect(await gpio('17', 'on', '--timeout', '100ms', '--json')).toEqual({
      code: 4,
      output: '{"pin":17,"outcome":"silent"}\n',
    })
  })

  it('exits 69 where there is no broker', async () => {
    const url = `mqtt://127.0.0.1:${await freePort()}`
    expect((await runToEnd(['gpio', '17', 'on', '--url', url])).code).toBe(69)
  })

  it.each([
    [['led', 'on'], 'is no pin'],
    [['17'], 'on, off or toggle'],
    [['17', 'blink'], 'none of on, off, toggle'],
    [['17', '{"state":"on"}'], 'none of on, off, toggle'],
    [['17', 'on', '--for', '5'], 'is no duration'],
    [['17', 'on', '--timeout', 'soon'], 'is no duration'],
    [['17', 'on', '--node', 'a/b'], '--node'],
    [['--for', '5s'], '--for'],
  ])('exits 78 for %j, before anything is sent', async (args, reason) => {
    const { code, output } = await gpio(...args)
    expect([code, output]).toEqual([78, expect.stringContaining(reason)])
    expect(broker.subscriptions).toEqual([])
  })
})
