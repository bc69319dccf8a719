/** The layering: arrows point one way, and only the edge of the program knows the process that it is. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

interface Import {
  /** A path below `src`, or the name of a package. */
  readonly target: string
  readonly own: boolean
  /** Gone when the program runs. */
  readonly typeOnly: boolean
}

const SRC = fileURLToPath(new URL('../src', import.meta.url))

const IMPORTS = [
  /^(?:import|export)\s+(?<type>type\s)?(?:[^'"]*?\sfrom\s+)?'(?<from>[^']+)'/gm,
  /\bimport\('(?<from>[^']+)'\)/g,
  /\bnew URL\('(?<from>[^']+)', import\.meta\.url\)/g, // a program of its own, for a child process
]

const sources = new Map(
  readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .sort()
    .map((name) => [name, withoutComments(readFileSync(join(SRC, name), 'utf8'))]),
)
const files = [...sources.keys()]
const imports = new Map(files.map((file) => [file, importsOf(file)]))

/** A comment begins a line, or follows a blank: `fridge/*` in a text begins none. */
function withoutComments(source: string): string {
  return source.replace(/(?<=^|\s)\/\*[\s\S]*?\*\//gm, '').replace(/(^|\s)\/\/.*$/gm, '$1')
}

function importsOf(file: string): Import[] {
  const source = sources.get(file) ?? ''
  return IMPORTS.flatMap((pattern) => [...source.matchAll(pattern)]).map(({ groups = {} }) => {
    const from = groups.from ?? ''
    const own = from.startsWith('.')
    const path = relative(SRC, join(SRC, dirname(file), from)).replace(/\.js$/, '.ts')
    return { target: own ? path : from, own, typeOnly: groups.type !== undefined }
  })
}

/** What the files import, directly, as `file -> target`; where it is not among `allowed`. */
function strays(below: string, allowed: readonly string[]): string[] {
  const fits = ({ target, own }: Import): boolean => !own || target.startsWith(below) || allowed.includes(target)
  return files
    .filter((file) => file.startsWith(below))
    .flatMap((file) =>
      (imports.get(file) ?? []).filter((one) => !fits(one)).map(({ target }) => `${file} -> ${target}`),
    )
}

/** Everything that is loaded with a file, itself included; packages, too. */
function loadedWith(file: string, wanted: (one: Import) => boolean = ({ typeOnly }) => !typeOnly): Set<string> {
  const loaded = new Set<string>()
  const visit = (name: string): void => {
    if (loaded.has(name)) return
    loaded.add(name)
    for (const one of imports.get(name) ?? []) if (wanted(one)) visit(one.target)
  }
  visit(file)
  return loaded
}

describe('the layers', () => {
  it('are seen by this test: it finds files, imports of both kinds, and the forked program', () => {
    expect(files.length).toBeGreaterThan(40)
    expect(imports.get('scheduler.ts')).toContainEqual({ target: 'clock.ts', own: true, typeOnly: false })
    expect(imports.get('scheduler.ts')).toContainEqual({ target: 'reading.ts', own: true, typeOnly: true })
    expect(imports.get('command.ts')).toContainEqual({ target: 'zod', own: false, typeOnly: false })
    expect(imports.get('sensors/dht.ts')?.map(({ target }) => target)).toContain('sensors/dht-child.ts')
  })

  it('a sensor knows readings, errors, time, the log, and nothing of the agent', () => {
    const allowed = [
      'reading.ts',
      'errors.ts',
      'clock.ts',
      'deadline.ts',
      'late.ts',
      'log.ts',
      'optional.ts',
      'duration-schema.ts',
    ]
    expect(strays('sensors/', allowed)).toEqual([])
  })

  it('a backend of pins knows errors, time, the log, and nothing of the agent', () => {
    expect(strays('gpio/', ['errors.ts', 'clock.ts', 'log.ts', 'optional.ts', 'backoff.ts'])).toEqual([])
  })

  it.each(['telemetry.ts', 'filters.ts'])(
    '%s is pure: nothing of Node.js, no packages, no clock, no chance',
    (file) => {
      const loaded = [...loadedWith(file)]
      expect(loaded.filter((name) => !files.includes(name))).toEqual([])
      for (const name of loaded) {
        expect(sources.get(name)).not.toMatch(
          /\b(process|console|Date\.now|performance|Math\.random|setTimeout|setInterval)\b/,
        )
      }
    },
  )

  it.each(['mqtt.ts', 'connection.ts', 'outbox.ts', 'live.ts', 'router.ts'])('%s knows no sensor', (file) => {
    expect(imports.get(file)?.filter(({ target }) => target.startsWith('sensors/'))).toEqual([])
    expect([...loadedWith(file)].filter((name) => name.startsWith('sensors/') || name.startsWith('gpio/'))).toEqual([])
  })

  it('only the agent and the command line know the agent’s parts: nothing imports what wires it', () => {
    const importers = (target: string): string[] =>
      files.filter((file) => imports.get(file)?.some((one) => one.target === target && !one.typeOnly))
    expect(importers('agent.ts').filter((file) => !file.startsWith('cli/'))).toEqual([])
    expect(importers('main.ts')).toEqual([])
    expect(files.filter((file) => imports.get(file)?.some(({ target }) => target.startsWith('cli/')))).toSatisfy(
      (all: string[]) => all.every((file) => file.startsWith('cli/') || file === 'main.ts'),
    )
  })

  it('only the edge touches the process', () => {
    const exceptions: Record<string, string> = {
      'birth.ts': 'process.version, for the birth message',
      'clock.ts': 'process.hrtime, the one clock that all processes of a boot share',
      'health.ts': 'process.memoryUsage, for the report',
      'optional.ts': 'process.version, for the reason why an addon does not load',
      'sensors/dht-child.ts': 'is a program of its own',
    }
    const touching = files.filter((file) => /(?<![-\w])process\??\.[a-z]|'node:process'/i.test(sources.get(file) ?? ''))
    const inside = touching.filter((file) => file !== 'main.ts' && !file.startsWith('cli/'))
    expect(inside).toEqual(Object.keys(exceptions))
  })

  it('no text is ever run: programs are started without a shell, by three files', () => {
    const starting = files.filter((file) => /child_process/.test(sources.get(file) ?? ''))
    expect(starting).toEqual(['sensors/dht-run.ts', 'systemd.ts', 'timedatectl.ts'])
    for (const file of starting) {
      const names = /import \{([^}]+)\} from 'node:child_process'/.exec(sources.get(file) ?? '')?.[1]?.split(',') ?? []
      // `exec` would have a shell read its argument.
      expect(['execFile', 'fork', 'type ChildProcess']).toEqual(
        expect.arrayContaining(names.map((name) => name.trim())),
      )
      expect(sources.get(file)).not.toMatch(/\bshell:/)
    }
    const exceptions: Record<string, string> = {
      'cli/code-cache.ts': 'loads the program’s own files, with what V8 made of them before',
    }
    const running = files.filter((file) => /\beval\(|\bnew Function\b|'node:vm'/.test(sources.get(file) ?? ''))
    expect(running).toEqual(Object.keys(exceptions))
  })

  it('every file is reached from the entry', () => {
    const exceptions: Record<string, string> = {
      'config/json-schema.ts': 'makes config.schema.json',
      'config/reference.ts': 'makes tables of the documents',
    }
    const reached = loadedWith('main.ts', () => true)
    expect(files.filter((file) => !reached.has(file))).toEqual(Object.keys(exceptions))
  })

  it('every import of our own leads to a file', () => {
    const lost = files.flatMap((file) =>
      (imports.get(file) ?? [])
        .filter(
          ({ own, target }) => own && target.endsWith('.ts') && !target.startsWith('..') && !files.includes(target),
        )
        .map(({ target }) => `${file} -> ${target}`),
    )
    expect(lost).toEqual([])
  })

  it('no file imports itself in a circle, not even for types', () => {
    const circles = files.filter((file) =>
      (imports.get(file) ?? []).some(({ target }) => loadedWith(target, () => true).has(file)),
    )
    expect(circles).toEqual([])
  })
})
