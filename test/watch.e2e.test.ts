/** `sensor-node watch` and `sensor-node fleet` as a person calls them, at a real broker. */
import { execFileSync } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type AgentProcess, BUILT, runToEnd, startAgent } from './fakes/agent-process.ts'
import { createAuthority } from './fakes/certificates.ts'
import { freePort, type Mosquitto, startMosquitto } from './fakes/mosquitto.ts'
import { describeWith, findTool } from './fakes/tools.ts'

describeWith(
  ['mosquitto', 'mosquitto_pub', 'mosquitto_passwd', 'openssl', 'script'],
  'the tools that look at a broker',
  () => {
    const cleanups: (() => Promise<unknown>)[] = []
    let folder: string
    let broker: Mosquitto
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'sensor-node-watch-'))
      broker = await startMosquitto()
    })
    afterEach(async () => {
      for (const clean of cleanups.splice(0).reverse()) await clean()
      await broker.stop()
      await rm(folder, { recursive: true })
    })

    const publish = (topic: string, payload: string, ...more: string[]): void => {
      const where = ['-h', '127.0.0.1', '-p', String(broker.port), '-q', '1', ...more]
      execFileSync(findTool('mosquitto_pub') ?? '', [...where, '-t', topic, '-m', payload])
    }
    const keep = (topic: string, payload: string): void => publish(topic, payload, '-r')
    /** In a folder of its own, so that no configuration is found. */
    const begin = (args: readonly string[], by: readonly string[] = []): AgentProcess => {
      const agent = startAgent(args, { cwd: folder, by })
      cleanups.push(() => agent.end('SIGKILL'))
      return agent
    }
    const run = (...args: string[]) => runToEnd([...args], { cwd: folder })
    const file = async (name: string, text: string): Promise<string> => {
      await writeFile(join(folder, name), text)
      return join(folder, name)
    }

    it('watch prints a line for each change, of any publisher, and ends well', async () => {
      keep('sensors/esp/temperature', '19.5')
      keep('sensors/esp/flow', 'bad\u001b[2J')
      const watch = begin(['watch', '--url', broker.url])
      await watch.wrote(/esp {2}- {2}temperature {2}19\.5 °C {2}kept {2}-/)
      publish('sensors/esp/attic/humidity', '40')
      await watch.wrote(/esp {2}attic {2}humidity {2}40 % {2}now/)
      keep('sensors/esp/temperature', '20')
      await watch.wrote(/esp {2}- {2}temperature {2}20 °C {2}now/) // retained, and live all the same
      expect(await watch.end('SIGINT')).toBe(0)
      expect(watch.output()).not.toContain('\u001b')
    })

    it('watch --every prints all values again and again, with --json an object a line', async () => {
      keep('devices/n1/status', 'online')
      keep('sensors/n1/temperature', '19.5')
      const watch = begin(['watch', '--url', broker.url, '--every', '100ms', '--json'])
      await watch.wrote(/(temperature[\s\S]*){3}/)
      expect(await watch.end('SIGTERM')).toBe(0)
      const rows = watch
        .output()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(rows[0]).toMatchObject({ node: 'n1', metric: 'temperature', value: 19.5, unit: '°C', status: 'online' })
    })

    it('watch shows only the nodes and sensors that it is asked for', async () => {
      for (const topic of ['fridge/temperature', 'fridge/shelf/humidity', 'n1/attic/temperature', 'n1/humidity'])
        keep(`sensors/${topic}`, '1')
      keep('devices/n2/status', 'online')
      const watch = begin(['watch', 'attic', 'fridge/*', '--url', broker.url, '--every', '100ms'])
      await watch.wrote(/(attic[\s\S]*){3}/)
      expect(await watch.end('SIGINT')).toBe(0)
      const rows = [...watch.output().matchAll(/Z {2}(\S+) {2}(\S+) {2}(\S+) /g)].map(([, ...row]) => row.join(' '))
      expect([...new Set(rows)]).toEqual(['fridge - temperature', 'fridge shelf humidity', 'n1 attic temperature'])
      const wrong = await run('watch', 'a//b', '--url', broker.url)
      expect(wrong).toMatchObject({ code: 78, output: expect.stringContaining('“a//b” names neither a node') })
    })

    it('watch outlives the broker, and says so', async () => {
      const watch = begin(['watch', '--url', broker.url])
      publish('sensors/n1/temperature', '1')
      keep('devices/n1/status', 'online')
      await watch.wrote(/online/)
      await broker.kill()
      await watch.wrote(/trying again/)
      await broker.start()
      await watch.wrote(/the broker is back/)
      publish('sensors/n1/temperature', '2')
      await watch.wrote(/temperature {2}2 °C/)
      expect(await watch.end('SIGINT')).toBe(0)
    })

    it('watch draws a terminal in place, within its size, and gives the cursor back', async () => {
      for (let n = 0; n < 20; n += 1) keep(`sensors/n${n}/temperature`, String(n))
      keep('sensors/n0/evil', '\u001b]0;title\u0007')
      const program = `${process.execPath} ${BUILT} watch --url ${broker.url} --every 200ms`
      const command = `stty rows 8 cols 40; echo "pid $$"; exec ${program}`
      const watch = begin([], ['bash', '-c', `exec script -qec '${command}' /dev/null`, '--'])
      await watch.wrote(/… 1[0-9] more lines/)
      await watch.wrote(/(more lines[\s\S]*){3}/)
      process.kill(Number(/pid (\d+)/.exec(watch.output())?.[1]), 'SIGINT')
      expect(await watch.exited).toBe(0)
      const output = watch.output()
      expect(output).toContain('\u001b[?25l')
      expect(output.lastIndexOf('\u001b[?25h')).toBeGreaterThan(output.lastIndexOf('\u001b[?25l'))
      expect(output).not.toContain('\u001b]0;')
      const pictures = output.split('\u001b[H').slice(2, -1)
      for (const picture of pictures) {
        const lines = picture.replaceAll('\r', '').split('\n')
        expect(lines.length).toBeLessThanOrEqual(8)
        for (const line of lines)
          expect(line.replaceAll('\u001b[K', '').replaceAll('\u001b[J', '').length).toBeLessThan(40)
      }
    })

    it('a reader that goes ends watch without a word', async () => {
      const command = `${process.execPath} ${BUILT} watch --url ${broker.url} --every 100ms | head -1; echo "code \${PIPESTATUS[0]}"`
      keep('sensors/n1/temperature', '1')
      const watch = begin([], ['bash', '-c', command, '--'])
      expect(await watch.exited).toBe(0)
      expect(watch.output()).toMatch(/temperature.*\ncode 0\n$/)
    })

    it('fleet shows who is there, and exits 1 where one is not that should be', async () => {
      keep('devices/n1/status', 'online')
      keep('devices/n1/info', '{"version":"1.2.3","started":"2026-06-01T10:00:00Z"}')
      keep('devices/n1/health', '{"timestamp":"2026-06-01T11:00:00Z","outbox":{"depth":7}}')
      keep('devices/n2/status', 'offline')
      const { code, output } = await run('fleet', '--url', broker.url)
      expect(output).toMatch(/^NODE +STATUS +SINCE +VERSION +SEEN +QUEUE +FAULTS\n/)
      expect(output).toMatch(/\nn1 +online +\S+ +1\.2\.3 +\S+ +7 +silent\n/)
      expect(output).toMatch(/\nn2 +offline\n/)
      expect(code).toBe(0)

      const good = await run(
        'fleet',
        '--url',
        broker.url,
        '--expect',
        await file('good', '# all\nn1   # the first\n\n'),
      )
      expect(good.code).toBe(0)
      const bad = await file('bad', 'n1\nn2\nn3\n')
      const missing = await run('fleet', '--url', broker.url, '--expect', bad)
      expect(missing.output).toMatch(/\nn3 +unknown !/)
      expect(missing.output).toContain('expected, and not online: n2 n3')
      expect(missing.code).toBe(1)
      const json = await run('fleet', '--url', broker.url, '--json', '--expect', bad)
      const { nodes, missing: away } = JSON.parse(json.output.slice(0, json.output.lastIndexOf('}') + 1))
      expect(nodes).toMatchObject([{ node: 'n1', queue: 7, since_by: 'started' }, { node: 'n2' }])
      expect(away).toEqual(['n2', 'n3'])
      expect(json.code).toBe(1)
    })

    it('fleet --watch tells what changes', async () => {
      keep('devices/n1/status', 'online')
      const expected = await file('nodes', 'n1\n')
      const fleet = begin(['fleet', '--url', broker.url, '--watch', '--expect', expected])
      await fleet.wrote(/n1 {2}online\n/)
      keep('devices/n1/status', 'offline')
      await fleet.wrote(/n1 {2}offline {2}since now/)
      expect(await fleet.end('SIGINT')).toBe(1)
    })

    it.each([
      [
        'a broker that is not there',
        69,
        /nothing listens/,
        async () => ['--url', `mqtt://127.0.0.1:${await freePort()}`],
      ],
      ['an address that is none', 78, /--url: must begin with mqtt/, () => ['--url', 'http://x']],
      ['a password without a user', 78, /--password-file: needs --username/, () => ['--password-file', 'x']],
      ['a password file that is not there', 78, /does not exist/, () => ['--username', 'u', '--password-file', 'x']],
      ['a certificate without TLS', 78, /--ca: needs a --url that begins with mqtts/, () => ['--ca', 'x']],
      ['a CA that is not there', 78, /--ca: .*does not exist/, () => ['--url', 'mqtts://x', '--ca', 'x']],
      [
        'a configuration and an address',
        78,
        /--config: has a broker of its own/,
        () => ['-c', 'x', '--url', 'mqtt://x'],
      ],
      ['a configuration that is not there', 78, /nowhere/, () => ['-c', 'nowhere']],
      ['a list that is not there', 78, /--expect: x can’t be read/, () => ['--expect', 'x']],
      ['a list of nobody', 78, /names no node/, async () => ['--expect', await file('e', '# none\n')]],
      ['a list that is none', 78, /e:2:1: “a b” is no node id/, async () => ['--expect', await file('e', 'a\na b\n')]],
    ])('%s is told, with exit code %i', async (_, code, message, args) => {
      const result = await run('fleet', ...(await args()))
      expect(result.output).toMatch(message)
      expect(result.code).toBe(code)
    })

    it('TLS by flags is that of the configuration, and its errors name the flags', async () => {
      const authority = createAuthority('Test CA')
      cleanups.push(async () => authority.remove())
      const { cert, key } = authority.sign('broker', { host: 'DNS:localhost,IP:127.0.0.1' })
      await broker.kill()
      await broker.start(['allow_anonymous true', `cafile ${authority.ca}`, `certfile ${cert}`, `keyfile ${key}`])
      const url = broker.url.replace('mqtt:', 'mqtts:')
      const good = await run('fleet', '--url', url, '--ca', authority.ca)
      expect(good.output).toContain('no node has said anything here')
      expect(good.code).toBe(0)
      const unknown = await run('fleet', '--url', url)
      expect(unknown.output).toMatch(/set --ca to its file/)
      expect(unknown.code).toBe(69)
    })

    it('a look at the fleet that is broken off knows nothing, and does not exit 0', async () => {
      const silent = createServer()
      const reached = new Promise((resolve) => silent.once('connection', resolve))
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
      cleanups.push(async () => silent.close())
      const address = silent.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      const fleet = begin(['fleet', '--url', `mqtt://127.0.0.1:${port}`])
      await reached
      expect(await fleet.end('SIGINT')).toBe(1)
    })

    it('an interval that is none is told', async () => {
      const { code, output } = await run('watch', '--every', '15')
      expect(output).toContain('It must be a duration')
      expect(code).toBe(78)
    })

    it('the broker of a configuration is taken, with its password and prefixes, whatever else is wrong in it', async () => {
      await chmod(folder, 0o755) // Mosquitto gives up the rights of root
      const passwords = await file('passwords', '')
      await chmod(passwords, 0o600)
      execFileSync(findTool('mosquitto_passwd') ?? '', ['-b', passwords, 'me', 'the-secret'], { stdio: 'ignore' })
      const secret = await file('secret', 'the-secret\n')
      await chmod(secret, 0o600)
      await broker.kill()
      await chmod(passwords, 0o644)
      await broker.start(['allow_anonymous false', `password_file ${passwords}`])
      publish('home/n1/d/status', 'online', '-r', '-u', 'me', '-P', 'the-secret')
      const mqtt = `{ url: '${broker.url}', username: me, password_file: secret }`
      const rest = 'topics: { devices: "home/{node}/d" }\nsensors: [{ type: no-such-type }]\n'
      await file('config.yaml', `mqtt: ${mqtt}\n${rest}`)
      const found = await run('fleet')
      expect(found.output).toMatch(/\nn1 +online/)
      expect(found.output).not.toContain('the-secret')
      const flags = await run('fleet', '--url', broker.url, '--username', 'me', '--password-file', secret)
      expect(flags.code).toBe(0)
      const refused = await run('fleet', '--url', broker.url, '--username', 'you', '--password-file', secret)
      expect(refused.output).toMatch(/check --username/)
      expect(refused.code).toBe(69)
    })
  },
)
