/** The built command as a person types it. */
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AgentProcess, BUILT, runToEnd, startAgent } from './fakes/agent-process.ts'
import { freePort } from './fakes/mosquitto.ts'
import { observe, on } from './fakes/observer.ts'
import { describeWith } from './fakes/tools.ts'

const run = promisify(execFile)

const GOOD = `node: { id: rpi001 }
sensors:
  - { type: bme280 }
  - { id: attic, type: dht11, pin: 4 }
gpio:
  outputs: [{ pin: 17, name: LED }]
  inputs: [{ pin: 27, name: Door }]
`
const BAD = `node: { idd: rpi001 }
sensors:
  - { type: bme281 }
  - { id: attic, type: dht11, pin: 40, interval: 1s }
gpio:
  outputs: [{ pin: 17 }, { pin: 17 }]
`

let folder: string
const started: AgentProcess[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sensor-node-cli-'))
})
afterEach(async () => {
  for (const agent of started.splice(0)) await agent.end('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

const file = async (name: string, text: string): Promise<string> => {
  await writeFile(join(folder, name), text)
  return join(folder, name)
}

describe('sensor-node check', () => {
  it('prints what a good file yields, and exits 0', async () => {
    const { code, output } = await runToEnd(['check', await file('good.yaml', GOOD)])
    expect(code).toBe(0)
    for (const part of [
      'sensors/rpi001/temperature',
      'sensors/rpi001/attic/humidity',
      'devices/rpi001/status',
      'gpio/17/command',
      'gpio/27/state',
      'LED',
      'Door',
      'every 30s',
      'data of attic',
    ]) {
      expect(output).toContain(part)
    }
    expect(output).not.toContain('gpio/27/command')
  })

  it('says of a counter what it counts and where, and that auto is the character device then', async () => {
    const text = 'gpio: { inputs: [{ pin: 5, name: Rain, mode: counter, edge: falling, interval: 1m }] }\n'
    const { code, output } = await runToEnd(['check', await file('counter.yaml', text)])
    expect(code).toBe(0)
    expect(output).toMatch(/auto: chardev, as there is a counter, the kernel releases all lines at our end/)
    expect(output).toMatch(/5 +Rain +counter of falling edges, every 1m +gpio\/5\/total +gpio\/5\/rate +gpio\/5\/data/)
  })

  it.each([
    ['chardev', /the GPIO character device, the kernel releases all lines at our end, and the board’s pulls decide/],
    ['onoff', /GPIO by sysfs, outputs stay driven after our end/],
    ['auto', /onoff where this machine has it, outputs stay driven.*else chardev, the kernel releases/],
    ['mock', /a board in memory/],
  ])('says what becomes of the pins after the end, with gpio.backend: %s', async (backend, said) => {
    const path = await file('pins.yaml', `gpio:\n  backend: ${backend}\n  outputs: [{ pin: 17 }]\n`)
    const { code, output } = await runToEnd(['check', path])
    expect([code, output]).toEqual([0, expect.stringMatching(said)])
  })

  it('says where the outbox is kept, or why it is in memory only', async () => {
    const path = await file('outbox.yaml', 'sensors: [{ type: system }]\n')
    const here = await runToEnd(['check', path])
    expect(here.output).toMatch(
      /outbox +in memory only, at most 10000 records: neither outbox\.path nor \$STATE_DIRECTORY/,
    )
    const service = await runToEnd(['check', path], { env: { STATE_DIRECTORY: '/var/lib/sensor-node' } })
    expect(service.output).toMatch(
      /outbox +\/var\/lib\/sensor-node\/outbox, by \$STATE_DIRECTORY, at most 1000000 records/,
    )
    const own = await file('own.yaml', 'sensors: [{ type: system }]\noutbox: { path: kept, max_records: 500 }\n')
    const named = await runToEnd(['check', own])
    expect(named.output).toContain(`${join(folder, 'kept')}, by outbox.path, at most 500 records`)
  })

  it('prints every problem with its place, reason and suggestion, and exits 78', async () => {
    const path = await file('bad.yaml', BAD)
    const { code, output } = await runToEnd(['check', path])
    expect(code).toBe(78)
    const lines = output.split('\n').filter((line) => line.startsWith(path))
    expect(lines).toHaveLength(5)
    expect(lines[0]).toMatch(/:1:9: node.*idd.*did you mean.*id/i)
    expect(lines[1]).toMatch(/:3:13: sensors\[0\]\.type.*bme280/)
    expect(output).toMatch(/sensors\[1\]\.pin.*0 to 27/)
    expect(output).toMatch(/sensors\[1\]\.interval.*3s/)
    expect(output).toMatch(/gpio\.outputs\[1\]\.pin.*17/)
  })

  it('takes ./config.yaml where no file is named, and says so', async () => {
    await file('config.yaml', GOOD)
    const { code, output } = await runToEnd(['check'], { cwd: folder })
    expect(code).toBe(0)
    expect(output).toContain(join(folder, 'config.yaml'))
  })

  it('finds the shipped configuration good', async () => {
    const { code, output } = await runToEnd(['check', new URL('../config.yaml', import.meta.url).pathname])
    expect({ code, output }).toMatchObject({ code: 0 })
    expect(output).toContain('gpio/17/command')
  })
})

describe('sensor-node run', () => {
  it('exits 78 with every problem where the configuration is wrong', async () => {
    const { code, output } = await runToEnd(['run', '--config', await file('bad.yaml', BAD)])
    expect(code).toBe(78)
    expect(output).toContain('5 problems')
  })

  it('exits 78 where the named file is not there, and names it', async () => {
    const { code, output } = await runToEnd(['run', '--config', join(folder, 'no.yaml')])
    expect(code).toBe(78)
    expect(output).toContain('no.yaml')
  })

  it('goes on without a broker, without the drivers’ hardware and without pins, and stops cleanly', async () => {
    const port = await freePort()
    const path = await file('config.yaml', `mqtt: { url: 'mqtt://127.0.0.1:${port}' }\n${GOOD}`)
    const agent = startAgent(['run', '--config', path])
    started.push(agent)
    await agent.wrote(/"ready"/)
    await agent.wrote(/nothing listens/)
    await agent.wrote(/sensor failed/)
    expect(await agent.end('SIGTERM')).toBe(0)
  })
})

describe('sensor-node read', () => {
  const SIMULATED = `mqtt: { url: 'http://nonsense', username: a, password_file: /nope }
sensors:
  - { type: simulated, metrics: { temperature: { shape: constant, value: 21.25, offset: 1 } } }
  - { id: broken, type: simulated, fail_every: 1 }
gpio: { outputs: [{ pin: 17, initial: on }] }
`

  it('needs nothing of the broker: prints the values of all sensors, and exits 1 as one failed', async () => {
    const { code, output } = await runToEnd(['read', '--config', await file('config.yaml', SIMULATED)])
    expect(code).toBe(1)
    expect(output).toMatch(/simulated {2}temperature {2}22\.25 °C\n/)
    expect(output).toMatch(/broken .* failed .* failed on demand/)
  })

  it('reads the one that is asked for, as JSON, from ./config.yaml, and exits 0', async () => {
    await file('config.yaml', SIMULATED)
    const { code, output } = await runToEnd(['read', 'simulated', '--json'], { cwd: folder })
    expect(code).toBe(0)
    expect(JSON.parse(output).sensors).toMatchObject([{ type: 'simulated', ok: true, values: { temperature: 22.25 } }])
  })

  it('exits 1 and names the sensors that there are, where the one that is asked for is not', async () => {
    const { code, output } = await runToEnd(['read', 'attic', '-c', await file('config.yaml', SIMULATED)])
    expect([code, output]).toEqual([
      1,
      'no sensor attic: the configuration has simulated (the node’s own) and broken\n',
    ])
  })

  it('exits 78 with what is wrong elsewhere in the file', async () => {
    const { code, output } = await runToEnd(['read', '--config', await file('bad.yaml', BAD)])
    expect(code).toBe(78)
    expect(output).toContain('5 problems')
  })

  it('says in its help that it drives no pin', async () => {
    expect((await runToEnd(['read', '--help'])).output).toMatch(/drives no pin/)
  })
})

describe('sensor-node scan', () => {
  it('shows what there is, needs no configuration, and ends with one that sensor-node check finds good', async () => {
    const { code, output } = await runToEnd(['scan'], { cwd: folder })
    expect(code).toBe(0)
    for (const part of ['GPIO', 'I2C', 'Groups']) expect(output).toContain(`\n${part}\n`)
    const path = await file('found.yaml', output.slice(output.indexOf('\nsensors:')))
    expect(await runToEnd(['check', path])).toMatchObject({ code: 0 })
  })

  it('is JSON for machines', async () => {
    const { code, output } = await runToEnd(['scan', '--json', '--bus', '1'])
    expect(code).toBe(0)
    expect(JSON.parse(output)).toMatchObject({ access: { user: expect.any(String) }, config: expect.any(String) })
  })

  it('says in its help that it writes to nothing, and refuses a bus that is none', async () => {
    expect((await runToEnd(['scan', '--help'])).output).toMatch(/No pin is driven and nothing is written to any chip/)
    const { code, output } = await runToEnd(['scan', '--bus', 'i2c-1'])
    expect([code, output]).toEqual([78, expect.stringContaining('1 for /dev/i2c-1')])
  })
})

describe('the command line', () => {
  const inShell = async (script: string): Promise<string> => {
    const command = [process.execPath, BUILT, await file('config.yaml', 'sensors: [{ type: simulated }]\n')]
    const { output } = await runToEnd([], { by: ['bash', '-c', script, 'bash', ...command, '--'], cwd: folder })
    return output
  }

  it.each(['check "$3"', 'man', 'demo', 'demo --json', 'scan --json'])(
    'a reader of %s that goes after a line is no failure, and nothing is said of it',
    async (args) => {
      const output = await inShell(`"$1" "$2" ${args} | head -1; echo "code \${PIPESTATUS[0]}"`)
      expect(output).toMatch(/^.*\ncode 0\n$/)
    },
  )

  it.each(['check "$3"', 'man'])('output of %s that finds no room is one, and told in a line', async (args) => {
    const output = await inShell(`"$1" "$2" ${args} >/dev/full; echo "code $?"`)
    expect(output).toMatch(/^standard output can’t be written: ENOSPC.*\ncode 1\n$/)
  })

  it.each([
    [['run', '--simulat'], /--simulate/],
    [['chek'], /check/],
    [['run', '--log-level', 'loud'], /debug/],
    [['run', 'extra'], /argument/],
  ])('refuses %j and says what it could have been', async (args, suggestion) => {
    const { code, output } = await runToEnd(args)
    expect(code).toBe(78)
    expect(output).toMatch(suggestion)
  })

  it('tells its version and what there is', async () => {
    const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
    expect(await runToEnd(['--version'])).toEqual({ code: 0, output: `${version}\n` })
    const { code, output } = await runToEnd(['--help'])
    expect(code).toBe(0)
    for (const command of ['run', 'check', 'read', 'scan', 'demo']) expect(output).toContain(command)
  })
})

describeWith(['mosquitto_pub', 'mosquitto_sub'], 'sensor-node demo', () => {
  const demo = async (): Promise<{ agent: AgentProcess; port: number; lines: string[] }> => {
    const agent = startAgent(['demo'])
    started.push(agent)
    await agent.wrote(/temperature \S+ °C/)
    const port = Number(/port (\d+)/.exec(agent.output())?.[1])
    const lines = agent
      .output()
      .split('\n')
      .flatMap((line) => /^ {2}(mosquitto_(?:pub|sub) .*)$/.exec(line)?.[1] ?? [])
    return { agent, port, lines }
  }

  it('shows readings, prints lines that work as printed, and ends cleanly at Ctrl-C', async () => {
    const { agent, port, lines } = await demo()
    const other = await observe(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4 })
    try {
      await other.until(on('gpio/17/state'), { past: true }) // the retained one
      const publishing = lines.filter((line) => line.startsWith('mosquitto_pub'))
      expect(publishing.length).toBeGreaterThanOrEqual(3)
      for (const [index, line] of publishing.entries()) {
        const answer = other.until(on('gpio/17/state'))
        await run('bash', ['-c', line])
        expect((await answer).payload).toBe(['1', '0', '1'][index])
      }
      const [watching] = lines.filter((line) => line.startsWith('mosquitto_sub'))
      const { stdout } = await run('bash', ['-c', `${watching} -C 5`], { timeout: 10_000 })
      expect(stdout).toMatch(/sensors\/.*temperature/)
      await agent.wrote(/\(LED\) +on/)
    } finally {
      await other.end()
    }
    expect(agent.output()).toMatch(/load_1m/)
    expect(await agent.end('SIGINT')).toBe(0)
  })

  it('tells what is wrong with the shipped configuration, should somebody have edited it', async () => {
    const copy = join(folder, 'package')
    await mkdir(copy)
    for (const part of ['dist', 'package.json'])
      await cp(fileURLToPath(new URL(`../${part}`, import.meta.url)), join(copy, part), { recursive: true })
    await symlink(fileURLToPath(new URL('../node_modules', import.meta.url)), join(copy, 'node_modules'))
    await writeFile(join(copy, 'config.yaml'), BAD)
    const failed = run(process.execPath, [join(copy, 'dist/main.js'), 'demo'])
    await expect(failed).rejects.toMatchObject({ code: 78, stderr: expect.stringContaining('5 problems') })
  })

  it('takes the next free port where one is in use, and says which', async () => {
    const blocker = createServer()
    // Where 1883 is in use already, by a broker of this machine, that does as well, unless it ends before we look.
    await new Promise<void>((resolve) => blocker.once('error', () => resolve()).listen(1883, '127.0.0.1', resolve))
    try {
      let { agent, port } = await demo()
      if (port === 1883 && !blocker.listening) {
        const holder = agent
        ;({ agent, port } = await demo())
        expect(await holder.end('SIGINT')).toBe(0)
      }
      expect(port).toBeGreaterThan(1883)
      expect(agent.output()).toContain('1883 is in use')
      expect(await agent.end('SIGINT')).toBe(0)
    } finally {
      blocker.close()
    }
  })
})
