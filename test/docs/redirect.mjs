/** Loaded into every sensor-node that a document's line starts: whatever host it names, port 1883 is the broker of the test. */
import { Socket } from 'node:net'

const port = Number(process.env.DOCS_BROKER_PORT)
const connect = Socket.prototype.connect

Socket.prototype.connect = function (...args) {
  // Node's own functions hand over their arguments as one list, the options first.
  const [first] = args
  const options = Array.isArray(first) ? first[0] : first
  if (typeof options === 'object' && options !== null && Number(options.port) === 1883)
    Object.assign(options, { host: '127.0.0.1', port })
  return connect.apply(this, args)
}
