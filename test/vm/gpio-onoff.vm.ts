/** The contract of a GPIO backend, and what only a kernel can do to one, on the kernel's own lines by the real onoff. */
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../src/clock.ts'
import type { Gpio } from '../../src/gpio/gpio.ts'
import { createOnoffGpio } from '../../src/gpio/onoff.ts'
import { silentLog } from '../../src/log.ts'
import { errorOf, gpioContract } from '../gpio/contract.ts'
import { drive, resetLines, startUdev, stopUdev, wire } from './hardware.ts'
import { BASE, cleanUp, kernelBench } from './kernel-bench.ts'
import { hear, realTimeContract, until } from './real-time.ts'

const open = (clock: Clock): Promise<Gpio> => createOnoffGpio({ clock, log: silentLog() })

beforeAll(stopUdev)
afterAll(async () => {
  await cleanUp()
  startUdev()
})

gpioContract('onoff on a kernel', () => kernelBench({ open }))
realTimeContract('onoff on a kernel', () => open(systemClock))

describe('onoff on a kernel, with somebody else at its lines', () => {
  let gpio: Gpio
  beforeEach(async () => {
    resetLines()
    gpio = await open(systemClock)
    return () => gpio.close()
  })
  const unexport = (line: number): void => writeFileSync('/sys/class/gpio/unexport', String(BASE + line))

  it('an input that somebody unexported tells its fault, comes back, and tells what it missed', async () => {
    const heard = hear(20)
    const recovered = new Promise<void>((resolve) => {
      heard.onRecovered = resolve
    })
    await gpio.input(27, heard)
    unexport(27)
    drive(27, 1)
    await recovered
    expect(await heard.first).toBe(1)
    expect(heard.faults).toMatchObject([{ kind: 'lost' }])
    drive(27, 0)
    await until(() => heard.levels.at(-1) === 0)
  })

  it('an output that somebody unexported comes back with the next write', async () => {
    const output = await gpio.output(17, { initial: 0, activeLow: true })
    unexport(17)
    expect((await errorOf(output.read())).kind).toBe('lost')
    await output.write(1)
    await output.write(0)
    expect([await output.read(), wire(17)]).toEqual([0, 1])
  })
})
