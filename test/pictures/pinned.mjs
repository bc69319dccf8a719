/**
 * Loaded into sensor-node before it starts, for pictures that are the same each time: the wall clock is a file that the
 * scene sets, host name and machine are those of a Pi that there is not, and port 1883 is one that is free.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import files from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { Server, Socket } from 'node:net'
import os from 'node:os'

const { PINNED_FOLDER: folder } = process.env
/** What everybody calls it, and what it is: of the scene's broker, or of the demo's own. */
const PORT = 1883
const portFile = `${folder}/port`

const now = () => Number(readFileSync(`${folder}/clock`, 'utf8'))
const RealDate = Date
globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [now()] : given))
  }
  static now() {
    return now()
  }
}

// How long the first read of a simulated sensor took must not be seen in its value.
const sin = Math.sin
Math.sin = (angle) => (Math.abs(angle) < 0.01 ? 0 : sin(angle))

os.hostname = () => 'rpi001'
const here = (path) => (/^\/(proc|sys)\//.test(String(path)) ? `${folder}/root${path}` : path)
for (const name of ['readFile', 'readdir']) {
  const real = files[name]
  files[name] = (path, ...more) => real(here(path), ...more)
}
files.statfs = async () => ({ bsize: 4096, blocks: 7_500_000, bfree: 5_400_000, bavail: 5_100_000 })
syncBuiltinESMExports()

const listen = Server.prototype.listen
Server.prototype.listen = function (...given) {
  if (given[0] !== PORT) return listen.apply(this, given)
  this.once('listening', () => writeFileSync(portFile, String(this.address().port)))
  return listen.call(this, 0, ...given.slice(1))
}
const connect = Socket.prototype.connect
Socket.prototype.connect = function (...given) {
  // Node's own functions hand over their arguments as one list, the options first.
  const [first] = given
  const options = Array.isArray(first) ? first[0] : first
  if (typeof options === 'object' && options !== null && Number(options.port) === PORT)
    Object.assign(options, { host: '127.0.0.1', port: Number(readFileSync(portFile, 'utf8')) })
  return connect.apply(this, given)
}
