/**
 * Stands in for node-dht-sensor inside the child process. The pin decides how it behaves. It tells each call on
 * standard output, as `asked <type>/<pin>`.
 */
const { pbkdf2 } = require('node:crypto')
const { writeSync } = require('node:fs')

let retries
let calls = 0

const behaviours = {
  4: (_type, done) => done(null, 21.5, 40.25),
  5: (_type, done) => done(new Error('failed to read sensor')),
  6: () => {}, // never answers
  7: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0), // the event loop never comes round again
  8: () => process.kill(process.pid, 'SIGSEGV'),
  9: (_type, done) => done(null, 0, 0),
  10: (_type, done) => done(null, Number.NaN, 40),
  11: (_type, done) => {
    writeSync(2, 'bcm2835_init: Unable to open /dev/gpiomem\n')
    done(null, 20, 50)
  },
  12: (_type, done) => done(new Error('failed to initialize sensor')),
  14: () => process.exit(3),
  15: (_type, done) => done(null, ++calls, 50),
  16: (_type, done) => done(null, retries, 50),
  17: () => pbkdf2('', '', 2 ** 31 - 1, 1, 'sha512', () => {}), // holds a thread, which an ordinary exit waits for
  18: (_type, done) => done(null, Object.keys(process.env).length, 50),
  19: (type, done) => done(null, type, 50),
  20: (_type, done) => done(null, undefined, undefined),
  21: (_type, done) => done(null, -3.5, 0),
  22: (_type, done) => done(new Error('sensor type is invalid')),
}

module.exports = {
  setMaxRetries(count) {
    retries = count
  },
  read(type, pin, done) {
    writeSync(1, `asked ${type}/${pin}\n`)
    if (pin === 13) throw new TypeError('invalid number of arguments')
    // As from a native worker: later, and outside of any promise.
    setImmediate(behaviours[pin] ?? behaviours[4], type, done)
  },
}
