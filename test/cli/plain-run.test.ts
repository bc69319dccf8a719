/** Which arguments start the agent without the command line that explains all the others. */
import { describe, expect, it } from 'vitest'
import { plainRun } from '../../src/cli/plain-run.ts'

const of = (line: string) => plainRun(line.split(' ').filter((word) => word !== ''))

describe('plainRun', () => {
  it.each([
    ['run', { logLevel: 'info' }],
    ['run --config /etc/sensor-node/config.yaml', { logLevel: 'info', config: '/etc/sensor-node/config.yaml' }],
    ['run -c a.yaml --simulate', { logLevel: 'info', config: 'a.yaml', simulate: true }],
    ['run --log-level debug --config a.yaml', { logLevel: 'debug', config: 'a.yaml' }],
    ['run --simulate --log-level silent', { logLevel: 'silent', simulate: true }],
  ])('understands “%s”', (line, flags) => {
    expect(of(line)).toEqual(flags)
  })

  it.each([
    '',
    '--help',
    'check a.yaml',
    'runs',
    'run --help',
    'run a.yaml',
    'run --config',
    'run --config --simulate',
    'run --config=a.yaml',
    'run -ca.yaml',
    'run -c a.yaml --config b.yaml',
    'run --simulate --simulate',
    'run --log-level',
    'run --log-level loud',
    'run --conf a.yaml',
    'run -- --simulate',
    'run --constructor a.yaml',
    'run toString a.yaml',
    'run constructor debug',
    'run __proto__ debug',
  ])('leaves “%s” to who can explain it', (line) => {
    expect(of(line)).toBeUndefined()
  })

  it('leaves an empty value to who can explain it', () => {
    expect(plainRun(['run', '--config', ''])).toBeUndefined()
  })
})
