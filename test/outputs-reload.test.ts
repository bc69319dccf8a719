/** Outputs whose configuration changes while their driver hangs, or is late. What changes otherwise is in `reload`. */
import { expect, it } from 'vitest'
import type { Output } from '../src/gpio/gpio.ts'
import { ordinary } from './fakes/output-bench.ts'
import { openOutputs } from './fakes/outputs-bench.ts'

const SECOND = 1000
const configs = (...pins: number[]) => pins.map((pin) => ordinary(pin))

it('one that hangs is left behind after two seconds, and holds up none of the others', async () => {
  const bench = await openOutputs([{ pin: 17 }, { pin: 22 }])
  await bench.send(22, { state: 'on' })
  await bench.send(17, { state: 'on' })
  const free = bench.gpio.stall(17)
  let over = false
  const retired = bench.outputs.retire(configs()).then(() => {
    over = true
  })
  await bench.clock.advance(0)
  expect([over, bench.high()]).toEqual([false, [17]])
  await bench.clock.advance(2 * SECOND)
  await retired
  expect(bench.told('error')).toEqual([
    'error output did not reach its exit level in time',
    'error output was not let go of in time',
  ])
  expect(bench.outputs.has(17)).toBe(false)
  // The driver comes back: the exit level is written, and the line given back after all.
  free()
  await bench.clock.advance(0)
  expect(bench.high()).toEqual([])
  bench.board.hold(17, 'somebody else')()
  await bench.end()
})

it('one that opens only after it was taken out is given back', async () => {
  let open = (): void => {}
  const bench = await openOutputs([{ pin: 22 }])
  const late = bench.gpio.output.bind(bench.gpio)
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  bench.gpio.output = async (line, options): Promise<Output> => {
    await gate
    return await late(line, options)
  }
  const { signal } = new AbortController()
  await bench.outputs.retire(configs(22, 17))
  void bench.outputs.open(signal)
  await bench.clock.advance(0)
  const retired = bench.outputs.retire(configs(22))
  await bench.clock.advance(2 * SECOND)
  await retired
  open()
  await bench.clock.advance(0)
  bench.board.hold(17, 'somebody else')()
  expect(bench.board.history(22).length).toBe(1)
  await bench.end()
})

it('one that could not be opened is tried no more once it is taken out', async () => {
  const bench = await openOutputs([{ pin: 22 }])
  const release = bench.board.hold(17, 'somebody else')
  const { signal } = new AbortController()
  await bench.outputs.retire(configs(22, 17))
  await bench.outputs.open(signal)
  await bench.outputs.retire(configs(22))
  release()
  await bench.clock.advance(600 * SECOND)
  expect(bench.board.history(17)).toEqual([])
  await bench.end()
})

it('none is added, and none is told, once all go to their exit levels', async () => {
  const bench = await openOutputs([{ pin: 17, on_exit: 'on' }])
  const ended = bench.outputs.exit()
  await bench.outputs.retire(configs(17, 22))
  await bench.outputs.open(new AbortController().signal)
  await ended
  expect([bench.outputs.has(22), bench.high()]).toEqual([false, [17]])
  await bench.end()
})
