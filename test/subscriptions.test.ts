/** Who hears which message. */
import { describe, expect, it } from 'vitest'
import { deliver, fits } from '../src/subscriptions.ts'

describe('a filter', () => {
  it.each([
    ['gpio/17/command', 'gpio/+/command', true],
    ['gpio/17/state', 'gpio/+/command', false],
    ['gpio/17/18/command', 'gpio/+/command', false],
    ['gpio/command', 'gpio/+/command', false],
    ['gpio//command', 'gpio/+/command', true],
    ['homeassistant/status', 'homeassistant/status', true],
    ['homeassistant/status/', 'homeassistant/status', false],
    ['homeassistant', 'homeassistant/status', false],
    ['a/b/c', 'a/#', true],
    ['a', 'a/#', true],
    ['ab', 'a/#', false],
    ['a/b', '#', true],
    ['a', '+', true],
    ['a/b', '+', false],
    ['a/', 'a/+', true],
    ['a', 'a/+', false],
    ['a', 'a/b', false],
    ['a/b', 'a', false],
    ['ab/c', 'a/+', false],
    ['a/b/c', '+/b/#', true],
    ['', '+', true],
    ['$SYS/uptime', '#', false],
    ['$SYS/uptime', '+/uptime', false],
    ['$SYS/uptime', '$SYS/#', true],
  ])('%s is covered by %s: %s', (topic, filter, covered) => {
    expect(fits(topic, filter)).toBe(covered)
  })
})

it('a message goes to everybody whose filter covers it, and to nobody else', () => {
  const heard: string[] = []
  const one = (name: string, filter: string) => ({ name, filter, hear: () => heard.push(name) })
  const all = [one('commands', 'gpio/+/command'), one('everything of pins', 'gpio/#'), one('hub', 'hub/status')]
  const say = (topic: string): void => deliver({ topic, payload: new Uint8Array(), retained: false }, all)
  say('gpio/17/command')
  say('nobody/listens')
  say('hub/status')
  expect(heard).toEqual(['commands', 'everything of pins', 'hub'])
})
