import { expect, it } from 'vitest'
import { iioError } from '../../src/sensors/iio-error.ts'

function errorOf(code: string, dht: boolean) {
  return iioError('attic: IIO device x', '/sys/f', dht, Object.assign(new Error(`${code}: read`), { code }))
}

it.each([
  ['EIO', 'checksum', true],
  ['ETIMEDOUT', 'silent', true],
  ['EAGAIN', 'silent', true],
  ['EREMOTEIO', 'bus', false],
  ['ENOENT', 'not-found', false],
  ['ENODEV', 'not-found', false],
  ['EACCES', 'permission', false],
] as const)('%s of a DHT is %s, and ordinary: %s', (code, kind, ordinary) => {
  expect(errorOf(code, true)).toMatchObject({ kind, ordinary })
})

it.each([
  ['EIO', 'bus', false],
  ['ETIMEDOUT', 'bus', false],
  ['EREMOTEIO', 'bus', false],
  ['EAGAIN', 'silent', true],
  ['EBUSY', 'silent', true],
  ['ENOENT', 'not-found', false],
  ['ENXIO', 'not-found', false],
  ['EPERM', 'permission', false],
] as const)('%s of any other chip is %s, and ordinary: %s', (code, kind, ordinary) => {
  expect(errorOf(code, false)).toMatchObject({ kind, ordinary })
})

it('names sensor, file and code, keeps the cause, and says what to do', () => {
  const error = errorOf('EREMOTEIO', false)
  expect(error.message).toMatch(/^attic: IIO device x: \/sys\/f can't be read \(EREMOTEIO\); check wiring/)
  expect(error.cause).toMatchObject({ code: 'EREMOTEIO' })
})

it('says how to start the driver of a chip on I2C again, which does not set up a chip that came back', () => {
  const eio = Object.assign(new Error('EIO: read'), { code: 'EIO' })
  const { message } = iioError('attic', '/sys/devices/i2c-1/1-0076/iio:device0/in_temp_input', false, eio)
  expect(message).toContain('cd -P /sys/bus/i2c/devices/1-0076/driver && echo 1-0076 | sudo tee unbind bind')
  expect(errorOf('EIO', false).message).toContain('when its driver starts')
})

it('tells of the DHT11 that the driver never understands', () => {
  expect(errorOf('EIO', true).message).toContain('driver: user')
})

it('takes what has no code for a fault, too', () => {
  expect(iioError('x', '/sys/f', false, 'odd')).toMatchObject({ kind: 'bus', message: expect.stringContaining('odd') })
})
