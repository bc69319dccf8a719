/**
 * Stands on the PATH of a document's lines in the place of sensor-node and Mosquitto's clients: the same program, at the
 * broker of the test, and ended like by Ctrl-C where it would go on for ever.
 */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** What is heard so soon after the last is heard together with it, ms. */
const QUIET_MS = 300
/** Long enough for what comes every second, ms. */
const LONGEST_MS = 5000
/** For what ends by itself, as soon as it has heard so many, ms. */
const BOUNDED_MS = 15_000
/** What a command that goes on is left to do after its first line, ms. */
const SHOWING_MS = 1200
/** As mosquitto_sub itself exits when its `-W` ends. */
const HEARD_NOTHING = 27

const { DOCS_BROKER_PORT: port, DOCS_MAIN: main, DOCS_WAITING: waiting, DOCS_REDIRECT: redirect } = process.env
const [name, marker, ...args] = process.argv.slice(2)

if (name === 'sensor-node') await sensorNode()
else if (name === 'mosquitto_sub') await subscribe()
else {
  // Who was started to listen before is listening.
  while (existsSync(waiting) && readdirSync(waiting).length > 0) await sleep(10)
  const limit = name === 'mosquitto_rr' ? ['-W', '10'] : [] // else it waits for ever where nobody answers
  const obeyed = await listenForObedience()
  run(name, [...limit, ...atBroker(args)], 'inherit').on('exit', async (code) => {
    if (code === 0) await obeyed?.over
    process.exit(code ?? 1)
  })
}

/**
 * A reader takes a second from one line to the next; here the next must not find what the command before it has not done
 * yet. Gives what is over when the node has told the state or an error, or has been silent for long.
 */
async function listenForObedience() {
  const [, pin] = /^gpio\/(\d+)\/command$/.exec(args[args.indexOf('-t') + 1] ?? '') ?? []
  if (name !== 'mosquitto_pub' || pin === undefined || args.includes('-n')) return
  const told = ['state', 'error'].flatMap((last) => ['-t', `gpio/${pin}/${last}`])
  const ear = run('stdbuf', ['-oL', 'mosquitto_sub', '-d', '-R', '-C', '1', '-W', '2', ...atBroker(told)], 'pipe')
  const over = new Promise((resolve) => ear.on('exit', resolve))
  await new Promise((resolve) => {
    ear.stdout.on('data', (bytes) => /^Subscribed \(/m.test(bytes) && resolve())
    ear.on('exit', resolve)
  })
  return { over }
}

async function sensorNode() {
  const [command] = args
  const simulated = ['run', 'read'].includes(command) && !args.includes('--simulate') ? ['--simulate'] : []
  const endless =
    ['run', 'demo', 'watch', 'log', 'simulate'].includes(command) ||
    args.some((arg) => arg === '-w' || arg === '--watch')
  const elsewhere = command === 'demo' ? [] : ['--import', redirect] // that one has a broker of its own
  const outputs = endless ? ['pipe', 'pipe'] : ['inherit', 'inherit']
  const child = run(process.execPath, [...elsewhere, main, ...args, ...simulated], ...outputs)
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)))
  if (!endless) return
  // Whose nodes are not all there when it ends has failed.
  const under = command === 'simulate' ? /nodes are connected/ : /./
  let end = setTimeout(() => child.kill('SIGINT'), command === 'simulate' ? BOUNDED_MS : LONGEST_MS)
  let begun = false
  const show = (to) => (bytes) => {
    to.write(bytes)
    if (begun || !under.test(bytes)) return
    begun = true
    clearTimeout(end)
    end = setTimeout(() => child.kill('SIGINT'), SHOWING_MS)
  }
  child.stdout.on('data', show(process.stdout))
  child.stderr.on('data', show(process.stderr))
}

async function subscribe() {
  const bounded = args.some((arg) => /^-[CW]/.test(arg))
  // With -d it says when it listens; by lines, so that this is heard at once.
  const child = run('stdbuf', ['-oL', name, '-d', ...atBroker(args)], 'pipe')
  let heard = false
  let quiet
  const longest = setTimeout(() => child.kill('SIGTERM'), bounded ? BOUNDED_MS : LONGEST_MS)
  let rest = ''
  child.stdout.on('data', (bytes) => {
    const lines = (rest + bytes).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line.startsWith('Subscribed (')) rmSync(marker, { force: true })
      if (/^(Client \S* ?(sending|received) |Subscribed \()/.test(line)) continue
      process.stdout.write(`${line}\n`)
      heard = true
    }
    if (!heard || bounded) return
    clearTimeout(quiet)
    quiet = setTimeout(() => child.kill('SIGTERM'), QUIET_MS)
  })
  child.on('close', (code) => {
    clearTimeout(longest)
    rmSync(marker, { force: true })
    process.exit(heard ? 0 : code || HEARD_NOTHING)
  })
}

/** `stdout`, `stderr`: whether it goes on directly or through here. */
function run(program, given, stdout, stderr = 'inherit') {
  const PATH = process.env.PATH.split(':').slice(1).join(':') // without the folder that this stands in
  return spawn(program, given, { stdio: ['inherit', stdout, stderr], env: { ...process.env, PATH } })
}

/** The arguments without the way to another broker. */
function atBroker(given) {
  const others = ['-h', '--host', '-p', '--port', '--cafile', '--capath', '--cert', '--key']
  const rest = given.filter((arg, index) => !others.includes(arg) && !others.includes(given[index - 1]))
  return ['-h', '127.0.0.1', '-p', port, ...rest]
}
