/**
 * A broker that sends one very long command, and a short one after it; in a process of its own, so that a test can
 * measure what the receiver alone needs. Tells its port on standard output; begins when it reads anything. The argument
 * is the length in megabytes.
 */
import { createServer } from 'node:net'

const megabytes = Number(process.argv[2])
const TOPIC = Buffer.from('gpio/17/command')

let version = 4
let client
const server = createServer((socket) => {
  client = socket.setNoDelay(true).on('error', () => {})
  let bytes = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk])
    for (let packet = take(bytes); packet !== undefined; packet = take(bytes)) {
      bytes = bytes.subarray(packet.size)
      answer(socket, packet)
    }
  })
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`))
process.stdin.once('data', send)

function take(bytes) {
  let length = 0
  for (let size = 1; size < bytes.length && size <= 4; size += 1) {
    length += (bytes[size] & 0x7f) * 128 ** (size - 1)
    if (bytes[size] >= 0x80) continue
    const end = 1 + size + length
    return bytes.length < end ? undefined : { first: bytes[0], body: bytes.subarray(1 + size, end), size: end }
  }
  return undefined
}

/** CONNACK, SUBACK at QoS 2, PUBACK, PINGRESP. */
function answer(socket, { first, body }) {
  const properties = () => (version === 5 ? [0] : [])
  const reply = (type, ...rest) => socket.write(Buffer.from([type, rest.length, ...rest]))
  if (first >> 4 === 1) {
    version = body[6]
    reply(0x20, 0, 0, ...properties())
  } else if (first >> 4 === 8) reply(0x90, body[0], body[1], ...properties(), 2)
  else if (first >> 4 === 3 && (first & 0b110) !== 0) {
    const at = 2 + body.readUInt16BE(0)
    reply(0x40, body[at], body[at + 1])
  } else if (first >> 4 === 12) reply(0xd0)
}

async function send() {
  const head = [0, TOPIC.length, ...TOPIC, ...(version === 5 ? [0] : [])]
  const length = []
  for (let rest = head.length + megabytes * 1e6; ; rest = Math.floor(rest / 128)) {
    length.push(rest < 128 ? rest : (rest % 128) | 0x80)
    if (rest < 128) break
  }
  client.write(Buffer.from([0x30, ...length, ...head]))
  const piece = Buffer.alloc(1e6, 0x61)
  for (let sent = 0; sent < megabytes; sent += 1)
    if (!client.write(piece)) await new Promise((resolve) => client.once('drain', resolve))
  client.write(Buffer.from([0x30, head.length + 2, ...head, ...Buffer.from('on')]))
}
