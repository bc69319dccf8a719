import { describe, expect, it } from 'vitest'
import { LostEdges } from '../../src/gpio/lost-edges.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { recordLog } from '../fakes/recording-log.ts'

function setUp() {
  const clock = new FakeClock()
  const { log, lines } = recordLog()
  const told = () => lines.map(({ level, line, lost, total }) => [level, line, lost, total])
  return { clock, edges: new LostEdges(17, clock, log), told }
}

describe('edges of a line', () => {
  it('that all arrive are not told of, from the first on', () => {
    const { edges, told } = setUp()
    for (const sequence of [1, 2, 3]) edges.saw(sequence)
    expect(told()).toEqual([])
  })

  it('that are missing are counted and told, those before the first included', () => {
    const { edges, told } = setUp()
    edges.saw(4)
    expect(told()).toEqual([['warn', 17, 3, 3]])
  })

  it('that go on missing are told once a minute, all of them', async () => {
    const { clock, edges, told } = setUp()
    edges.saw(2)
    edges.saw(5)
    await clock.advance(59_999)
    edges.saw(7)
    expect(told()).toEqual([['warn', 17, 1, 1]])
    await clock.advance(1)
    edges.saw(8)
    await clock.advance(60_000)
    edges.saw(9)
    expect(told()).toEqual([
      ['warn', 17, 1, 1],
      ['warn', 17, 3, 4],
    ])
  })

  it('are counted across the end of the numbers', async () => {
    const { clock, edges, told } = setUp()
    edges.saw(2 ** 32 - 1)
    await clock.advance(60_000)
    edges.saw(0)
    edges.saw(2)
    expect(told().slice(1)).toEqual([['warn', 17, 1, 2 ** 32 - 1]])
  })

  it('begin at 1 again where the line was opened anew', () => {
    const { edges, told } = setUp()
    for (const sequence of [1, 2, 3]) edges.saw(sequence)
    edges.restart()
    edges.saw(1)
    expect(told()).toEqual([])
  })
})
