/**
 * An agent to be killed: starts the program of the first argument, as the agent does, tells its process id, and asks
 * for the pin of the third.
 */
import { fork } from 'node:child_process'

const [, , program, vendor, pin] = process.argv
const child = fork(program, [vendor], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
child.once('message', () => {
  process.stdout.write(`child ${child.pid}\n`)
  child.send({ model: 22, pin: Number(pin) })
})
