/** The real node-dht-sensor in its documented test mode: native code and its thread, but no pins. */
const dht = require('node-dht-sensor')

dht.initialize({ test: { fake: { temperature: 21.5, humidity: 60 } } })

module.exports = dht
