/** Completion and manual are made from the command line itself, and real shells and a real roff take them. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BUILT } from './fakes/agent-process.ts'
import { describeWith } from './fakes/tools.ts'

const run = promisify(execFile)
const program = (...args: string[]): string => execFileSync(process.execPath, [BUILT, ...args], { encoding: 'utf8' })

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sensor-node-completion-'))
  for (const shell of ['bash', 'zsh']) writeFileSync(join(folder, shell), program('completion', shell))
  writeFileSync(join(folder, 'page.1'), program('man'))
  mkdirSync(join(folder, 'here'))
  for (const name of ['config.yaml', 'my config.yaml', 'other.txt']) writeFileSync(join(folder, 'here', name), '')
  mkdirSync(join(folder, 'node'))
  writeFileSync(join(folder, 'node', 'config.yaml'), CONFIG)
  writeFileSync(join(folder, 'node', 'other.yaml'), 'sensors: [{ type: dht22, id: shed, pin: 5 }, { id: "barn" }]\n')
})
afterAll(() => rmSync(folder, { recursive: true }))

const CONFIG = `node:
  id: kitchen
sensors:
  - { id: attic, type: dht22, pin: 4 } # id: no
  - type: system
    id: board
#  - id: neither
gpio:
  outputs:
    - { pin: 17, name: LED }
    - pin: 22
  inputs:
    - pin: 27
`

/** Every subcommand with its options, as the help shows them. */
const commands = (): Map<string, string[]> => {
  const names = [...program('--help').matchAll(/^ {2}(\w[\w-]*) /gm)].map(([, name = '']) => name)
  const own = names.filter((name) => name !== 'help' && /^[a-z]+$/.test(name))
  return new Map(
    own.map((name) => [name, [...program(name, '--help').matchAll(/^ {2}.*?(--[\w-]+)/gm)].map(([, one = '']) => one)]),
  )
}

describe('completion in bash', () => {
  /** What bash offers for the last of the words, as it takes them apart. */
  const offered = (...words: string[]): Promise<string[]> => offeredIn('here', words)
  const offeredIn = async (place: string, words: readonly string[]): Promise<string[]> => {
    const script = `source "$1"; shift; cd "$1"; shift
      COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sensor_node; printf '%s\\n' "\${COMPREPLY[@]}"`
    const args = ['--norc', '-c', script, 'bash', join(folder, 'bash'), join(folder, place), 'sensor-node', ...words]
    const { stdout } = await run('bash', args)
    return stdout.split('\n').filter((line) => line !== '')
  }

  it('offers every subcommand, and every option of each', async () => {
    const all = commands()
    expect(all.size).toBeGreaterThan(8)
    expect((await offered('')).toSorted()).toEqual([...all.keys(), 'help'].toSorted())
    for (const [name, options] of all) expect(await offered(name, '--')).toEqual(expect.arrayContaining(options))
  })

  it.each([
    ['the beginning of a subcommand', ['che'], ['check']],
    ['options of the whole', ['--v'], ['--version']],
    ['the beginning of an option', ['run', '--sim'], ['--simulate']],
    ['words of an option', ['run', '--log-level', 'w'], ['warn']],
    ['words of an option after =', ['run', '--log-level', '=', 'w'], ['warn']],
    ['all words after =', ['completion', ''], ['bash', 'zsh']],
    ['files of an option, with blanks', ['run', '-c', 'my'], ['my config.yaml']],
    ['files of an argument', ['check', 'config'], ['config.yaml']],
    ['files of an argument after an option with a value', ['plan', '--config', 'a', 'o'], ['other.txt']],
    ['the same after =', ['plan', '--config', '=', 'a', 'o'], ['other.txt']],
    ['states of a pin', ['gpio', '17', 't'], ['toggle']],
    ['states after options', ['gpio', '--for', '5s', '--json', '17', 'of'], ['off']],
    ['subcommands after help', ['help', 'sc'], ['scan']],
    ['nothing for a pin where no configuration has one', ['gpio', ''], []],
    ['nothing for a value that can be anything', ['gpio', '--node', ''], []],
    ['nothing after the last argument', ['check', 'a', ''], []],
    ['the options of the whole where the subcommand is none', ['nonsense', '--h'], ['--help']],
  ])('offers %s', async (_, words, wanted) => {
    expect(await offered(...words)).toEqual(wanted)
  })

  it.each([
    ['sensors of the configuration', ['read', ''], ['attic', 'board']],
    ['the beginning of one', ['read', 'b'], ['board']],
    ['sensors, again and again', ['watch', 'attic', 'other', 'a'], ['attic']],
    ['those of the configuration that is named', ['read', '-c', 'other.yaml', ''], ['shed', 'barn']],
    ['the same after =', ['read', '--config', '=', 'other.yaml', ''], ['shed', 'barn']],
    ['outputs, and no other pin', ['gpio', ''], ['17', '22']],
    ['nothing of a configuration that is not there', ['read', '-c', 'nowhere', ''], []],
  ])('offers %s', async (_, words, wanted) => {
    expect(await offeredIn('node', words)).toEqual(wanted)
  })

  it('is good bash', async () => {
    expect(await run('bash', ['-n', join(folder, 'bash')])).toMatchObject({ stdout: '', stderr: '' })
  })
})

describeWith(['shellcheck'], 'the completion for bash', () => {
  it('satisfies shellcheck', async () => {
    expect(await run('shellcheck', ['--shell', 'bash', join(folder, 'bash')])).toMatchObject({ stdout: '' })
  })
})

describeWith(['zsh'], 'the completion for zsh', () => {
  it('is good zsh, and is registered when it is sourced', async () => {
    expect(await run('zsh', ['-f', '-n', join(folder, 'zsh')])).toMatchObject({ stdout: '', stderr: '' })
    const script = 'autoload -Uz compinit; compinit -D -u; source "$1"; print $_comps[sensor-node]'
    expect(await run('zsh', ['-f', '-c', script, 'zsh', join(folder, 'zsh')])).toMatchObject({
      stdout: '_sensor_node\n',
      stderr: '',
    })
  })

  it('offers sensors and outputs of the configuration, at a real prompt', async () => {
    // What is typed, with a tab at its end, and what must stand there then.
    const script = `zmodload zsh/zpty
      zpty -b z zsh -f -i
      awaits() { repeat 150; do sleep 0.1; zpty -r -t z line && all+=$line; [[ $all == *$1* ]] && return; done; return 1 }
      zpty -w z "cd $1; PS1='> '; autoload -Uz compinit; compinit -D -u; source $2; print rea''dy"
      awaits ready && print prompt
      zpty -w -n z $'sensor-node read bo\\t'
      awaits 'read board' && print sensor
      zpty -w -n z $'\\C-usensor-node gpio 1\\t'
      awaits 'gpio 17' && print output
      zpty -w -n z $'\\C-usensor-node watch board at\\t'
      awaits 'board attic' && print another
      zpty -d z`
    const args = ['-f', '-c', script, 'zsh', join(folder, 'node'), join(folder, 'zsh')]
    const { stdout } = await run('zsh', args, { timeout: 60_000 })
    expect(stdout.split('\n')).toEqual(expect.arrayContaining(['prompt', 'sensor', 'output', 'another']))
  }, 70_000)

  it('names every subcommand and option', () => {
    const text = program('completion', 'zsh')
    for (const [name, options] of commands())
      for (const option of [`${name})`, ...options]) expect(text).toContain(option)
  })
})

describe('the manual page', () => {
  it('names every subcommand and option, and is the same each time', () => {
    const text = program('man')
    expect(program('man')).toBe(text)
    for (const [name, options] of commands())
      for (const one of [`sensor\\-node ${name}`, ...options.map((option) => option.replaceAll('-', '\\-'))])
        if (one !== '\\-\\-help') expect(text).toContain(one)
  })

  it('has no line that begins as a request of roff by accident, and nothing but ASCII', () => {
    const text = program('man')
    expect(
      text.split('\n').filter((line) => /^[.']/.test(line) && !/^\.(TH|SH|SS|TP|PP|B|I|BR)( |$)/.test(line)),
    ).toEqual([])
    expect(/^[\n -~]*$/.test(text)).toBe(true)
  })
})

describeWith(['groff'], 'the manual page, by groff,', () => {
  it.each(['ascii', 'utf8'])('is set without a warning for %s', async (device) => {
    const { stdout, stderr } = await run('groff', ['-man', '-ww', `-T${device}`, join(folder, 'page.1')])
    expect(stderr).toBe('')
    expect(stdout).toMatch(/SENSOR-NODE\(1\)/)
  })
})

describeWith(['man', 'groff'], 'the manual page, by man,', () => {
  it('is shown without a warning', async () => {
    const env = { ...process.env, LC_ALL: 'C.UTF-8', MANWIDTH: '80', MAN_KEEP_FORMATTING: '' }
    const { stdout, stderr } = await run('man', ['--warnings', '-E', 'UTF-8', '-l', '-Tutf8', join(folder, 'page.1')], {
      env,
    })
    expect(stderr).toBe('')
    expect(stdout).toContain('completion')
  })
})
