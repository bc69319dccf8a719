/**
 * The floor: the agent's job with MQTT.js in the fewest lines, and nothing else. See bench/README.md for what it lacks.
 *
 *     node bare.mjs PORT NODE SENSORS INTERVAL_MS json|both QUANTITIES BATCH
 */
import mqtt from 'mqtt'

const [port, node, sensors, intervalMs, what, quantities, batch] = process.argv.slice(2)
const kept = { qos: 1, retain: true }
const will = { topic: `devices/${node}/status`, payload: 'offline', ...kept }
const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, { protocolVersion: 5, clientId: node, will })
let seq = 0

client.on('connect', () => {
  client.stream.setNoDelay(true)
  client.subscribe('gpio/+/command', { qos: 2 })
  client.publish(will.topic, 'online', kept)
})
client.on('message', (topic, payload) => {
  client.publish(topic.replace(/command$/, 'state'), payload.toString() === 'on' ? '1' : '0', kept)
})

function read(sensor) {
  const wave = Math.sin(Date.now() / 10_000)
  const values = Object.fromEntries(quantities.split(',').map((name) => [name, Math.round(215 + 25 * wave) / 10]))
  const record = { timestamp: new Date().toISOString(), node, sensor, run: 'bare', seq: seq++, ...values }
  if (what === 'both')
    for (const name in values) client.publish(`sensors/${node}/${sensor}/${name}`, `${values[name]}`, kept)
  client.publish(`sensors/${node}/${sensor}/data`, JSON.stringify(record), { qos: 1 })
}

const names = Array.from({ length: Number(sensors) }, (_, index) => `s${index}`)
while (names.length > 0) {
  const group = names.splice(0, Number(batch))
  const tick = () => group.forEach(read)
  tick()
  setInterval(tick, Number(intervalMs))
}
