import { describe, expect, it } from 'vitest'
import { hex, i2cError } from '../../src/sensors/i2c-error.ts'
import { addonError, openError, remoteIoError } from '../fakes/fake-i2c.ts'

const place = { name: 'attic', bus: 1, address: 0x76 }

describe('a failed transfer', () => {
  it.each([
    ['nothing at the address, on a Pi', remoteIoError(), 'not-found', ['0x76', 'bus 1', 'wiring', 'i2cdetect -y 1']],
    ['nothing at the address, on another controller', addonError('ENXIO'), 'not-found', ['0x76', 'bus 1', 'wiring']],
    ['no adapter', addonError('ENODEV'), 'not-found', ['0x76', 'bus 1', 'wiring']],
    ['an address that a kernel driver holds', addonError('EBUSY'), 'permission', ['0x76', 'driver of the kernel']],
    ['a bus that timed out', addonError('ETIMEDOUT'), 'bus', ['ETIMEDOUT', '0x76', 'bus 1', 'wiring']],
    ['a garbled transfer', addonError('EIO'), 'bus', ['EIO', '0x76', 'bus 1', 'wiring']],
    ['an errno without a name', Object.assign(new Error(', odd'), { errno: 133, code: '' }), 'bus', ['errno 133']],
    ['an error without errno', new Error('who knows'), 'bus', ['who knows', '0x76', 'bus 1']],
    ['a string', 'who knows', 'bus', ['who knows', '0x76', 'bus 1']],
  ])('says what to do about %s', (_name, thrown, kind, words) => {
    const error = i2cError(place, thrown)
    expect(error.kind).toBe(kind)
    expect(error.cause).toBe(thrown)
    for (const word of ['attic', ...words]) expect(error.message).toContain(word)
  })

  it.each([
    ['ENOENT', 1, 'not-found', 'raspi-config nonint do_i2c 0'],
    ['ENOENT', 5, 'not-found', 'i2cdetect -l'],
    ['EACCES', 1, 'permission', 'usermod -aG i2c'],
    ['EPERM', 1, 'permission', 'usermod -aG i2c'],
  ] as const)('tells how to get a device that gives %s on bus %i', (code, bus, kind, remedy) => {
    const error = i2cError({ ...place, bus }, openError(code, bus))
    expect(error.kind).toBe(kind)
    expect(error.message).toContain(`/dev/i2c-${bus}`)
    expect(error.message).toContain(remedy)
  })
})

it('a byte is written as the datasheets write it, with two digits', () => {
  expect([0, 0x0a, 0xff].map(hex)).toEqual(['0x00', '0x0a', '0xff'])
})
