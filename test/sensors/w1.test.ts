import { afterEach, describe, expect, it } from 'vitest'
import { findThermometers, scratchpadIn } from '../../src/sensors/w1.ts'
import { fixture, machine, removeMachines } from '../fakes/machine.ts'

afterEach(removeMachines)

const GOOD = '57 01 4b 46 7f ff 09 10 c7 : crc=c7 YES\n57 01 4b 46 7f ff 09 10 c7 t=21437\n'

describe('the thermometers of a machine', () => {
  it('are those of all buses, each with its own bus; a switch is none', async () => {
    const found = await findThermometers(fixture('w1-several'))
    const buses = found?.map(({ id, master }) => [id, master.replace(/^.*\//, '')])
    expect(buses).toEqual([
      ['10-000801b5a959', 'w1_bus_master2'],
      ['28-000005e2fdc3', 'w1_bus_master1'],
      ['28-0316a2795c1d', 'w1_bus_master1'],
    ])
  })

  it('are none where only noise answers on the wire', async () => {
    expect(await findThermometers(fixture('w1-empty'))).toEqual([])
  })

  it('may have vanished since they were listed', async () => {
    const root = await machine({ 'sys/bus/w1/devices/28-000005e2fdc3': { to: '../../../devices/gone' } })
    expect(await findThermometers(root)).toEqual([])
  })

  it('are not to be had where the kernel has no 1-Wire', async () => {
    expect(await findThermometers(await machine({}))).toBeUndefined()
  })
})

describe('an answer', () => {
  it('has its nine bytes, the verdict on them, and the temperature', () => {
    const bytes = Buffer.from('57014b467fff0910c7', 'hex')
    expect(scratchpadIn(GOOD)).toEqual({ bytes, intact: true, milliCelsius: 21_437 })
    expect(scratchpadIn(GOOD.replace('YES', 'NO').replace('21437', '-62'))).toEqual({
      bytes,
      intact: false,
      milliCelsius: -62,
    })
  })

  it.each([
    ['', 'nothing'],
    [GOOD.slice(0, -1), 'a cut line'],
    [GOOD.split('\n')[0] ?? '', 'one line'],
    [GOOD.replace('t=21437', 't=warm'), 'no number'],
    [GOOD.replace('YES', 'MAYBE'), 'no verdict'],
    [GOOD.replace('57 01 ', '57 '), 'eight bytes'],
    ['21437\n', 'another file'],
    [`x${GOOD}`, 'something before'],
    [`${GOOD}x`, 'something after'],
  ])('is not %j: %s', (text) => {
    expect(scratchpadIn(text)).toBeUndefined()
  })
})
