/**
 * The kernel's sysfs GPIO in memory: lines that are exported and unexported, attributes, the errno of each refusal,
 * and the wire behind each line with everything that it went through. `fake-onoff.ts` acts on the same lines.
 * The errnos are those that a 6.12 kernel gave.
 */
import type { Level } from '../../src/gpio/gpio.ts'
import type { SysfsFiles } from '../../src/gpio/sysfs.ts'

export interface FakeChip {
  readonly label: string
  readonly base: number
  readonly lines: number
}

export interface FakeMove {
  readonly direction: 'in' | 'out'
  readonly level: Level
}

export class FakeLine {
  exported = false
  /** Grows with each export: a descriptor of an earlier one is dead. */
  generation = 0
  direction: 'in' | 'out' = 'in'
  latch: Level = 0
  outside: Level = 0
  activeLow = false
  edge = 'none'
  holder: string | undefined
  /** How often `access` and writes to the attributes are still refused: udev has not come by yet. */
  refusals = 0
  /** Attributes whose writes are refused for good. */
  readonly readOnly = new Set<string>()
  /** Edges so far. A descriptor that was read since has no event of them any more. */
  edges = 0
  /** Writes to `direction`, whatever they changed. */
  directionWrites = 0
  readonly moves: FakeMove[] = []
  readonly watchers = new Set<() => void>()

  get wire(): Level {
    return this.direction === 'out' ? this.latch : this.outside
  }

  get value(): Level {
    return flip(this.wire, this.activeLow)
  }

  change(what: Partial<Pick<FakeLine, 'direction' | 'latch' | 'outside'>>): void {
    const { direction, wire } = this
    Object.assign(this, what)
    if (this.direction === direction && this.wire === wire) return
    this.moves.push({ direction: this.direction, level: this.wire })
    if (this.wire === wire || this.edge !== 'both') return
    this.edges += 1
    for (const watcher of [...this.watchers]) watcher()
  }
}

export class FakeSysfs implements SysfsFiles {
  chips: readonly FakeChip[]
  /** False: a kernel without GPIO by sysfs. */
  present = true
  /** errno of each write to `export`, where it is not the line that decides. */
  exportRefusal: string | undefined
  /** errno of each write to `unexport`. */
  unexportRefusal: string | undefined
  /** Whether we are root, and debugfs is mounted. */
  debugReadable = true
  /** What debugfs shows, where it is not the usual table. */
  debugText: string | undefined
  /** How many refusals each newly exported line begins with. */
  slowUdev = 0
  readonly #lines = new Map<number, FakeLine>()

  constructor(chips: readonly FakeChip[] = [{ label: 'pinctrl-bcm2711', base: 512, lines: 58 }]) {
    this.chips = chips
  }

  /** By the kernel's number. */
  line(number: number): FakeLine {
    const line = this.#lines.get(number) ?? new FakeLine()
    this.#lines.set(number, line)
    return line
  }

  /** The process is gone: nothing listens any more, lines stay as they are. */
  endProcess(): void {
    for (const line of this.#lines.values()) line.watchers.clear()
  }

  async readFile(path: string): Promise<string> {
    return this.readSync(path)
  }

  async writeFile(path: string, text: string): Promise<void> {
    this.writeSync(path, text)
  }

  async access(path: string): Promise<void> {
    const { line } = this.#attribute(path)
    if (line.refusals > 0) {
      line.refusals -= 1
      throw errno('EACCES', 'access', path)
    }
  }

  async readdir(path: string): Promise<readonly string[]> {
    if (!this.present) throw errno('ENOENT', 'scandir', path)
    if (path.endsWith('/sys/class/gpio')) {
      const exported = [...this.#lines].filter(([, line]) => line.exported).map(([number]) => `gpio${number}`)
      return ['export', 'unexport', ...this.chips.map(({ base }) => `gpiochip${base}`), ...exported]
    }
    const number = Number(/\/gpio(\d+)$/.exec(path)?.[1])
    if (!this.#lines.get(number)?.exported) throw errno('ENOENT', 'scandir', path)
    return ['active_low', 'device', 'direction', 'edge', 'power', 'subsystem', 'uevent', 'value']
  }

  readSync(path: string): string {
    if (path.endsWith('/sys/kernel/debug/gpio')) return this.#debug(path)
    const [, base, file] = /\/gpiochip(\d+)\/(\w+)$/.exec(path) ?? []
    if (base !== undefined) {
      const chip = this.chips.find((one) => one.base === Number(base))
      if (chip === undefined) throw errno('ENOENT', 'open', path)
      return `${{ label: chip.label, base: chip.base, ngpio: chip.lines }[file as 'label']}\n` // the only three that are read
    }
    const { line, name } = this.#attribute(path)
    if (name === 'value') return `${line.value}\n`
    if (name === 'active_low') return `${Number(line.activeLow)}\n`
    return `${name === 'edge' ? line.edge : line.direction}\n`
  }

  writeSync(path: string, text: string): void {
    if (!this.present) throw errno('ENOENT', 'open', path)
    if (path.endsWith('/unexport')) this.#unexport(Number(text))
    else if (path.endsWith('/export')) this.#export(Number(text))
    else this.#set(path, text)
  }

  #export(number: number): void {
    if (this.exportRefusal !== undefined) throw errno(this.exportRefusal, 'write', 'export')
    const line = this.line(number)
    const valid = this.chips.some(({ base, lines }) => number >= base && number < base + lines)
    if (!valid) throw errno('EINVAL', 'write', 'export')
    if (line.exported || line.holder !== undefined) throw errno('EBUSY', 'write', 'export')
    Object.assign(line, { exported: true, generation: line.generation + 1, refusals: this.slowUdev })
    Object.assign(line, { activeLow: false, edge: 'none' })
  }

  /** As pinctrl-bcm2835 does: the pin becomes an input. */
  #unexport(number: number): void {
    if (this.unexportRefusal !== undefined) throw errno(this.unexportRefusal, 'write', 'unexport')
    const line = this.line(number)
    if (!line.exported) throw errno('EINVAL', 'write', 'unexport')
    line.exported = false
    line.edge = 'none'
    line.watchers.clear()
    line.change({ direction: 'in' })
  }

  #set(path: string, text: string): void {
    const { line, name } = this.#attribute(path)
    if (line.refusals > 0 || line.readOnly.has(name)) throw errno('EACCES', 'open', path)
    if (name === 'active_low') line.activeLow = text === '1'
    else if (name === 'edge') {
      if (line.direction === 'out' && text !== 'none') throw errno('EIO', 'write', path)
      line.edge = text
    } else if (name === 'direction') {
      if (text !== 'in' && line.edge !== 'none') throw errno('EIO', 'write', path)
      line.directionWrites += 1
      if (text === 'in') line.change({ direction: 'in' })
      else line.change({ direction: 'out', latch: text === 'high' ? 1 : 0 })
    } else if (line.direction === 'in') throw errno('EPERM', 'write', path)
    else line.change({ latch: flip(text === '1' ? 1 : 0, line.activeLow) })
  }

  #attribute(path: string): { line: FakeLine; name: string } {
    const [, number, name] = /\/gpio(\d+)\/(\w+)$/.exec(path) ?? []
    const line = this.#lines.get(Number(number))
    if (name === undefined || line === undefined || !line.exported) throw errno('ENOENT', 'open', path)
    return { line, name }
  }

  #debug(path: string): string {
    if (!this.debugReadable) throw errno('EACCES', 'open', path)
    if (this.debugText !== undefined) return this.debugText
    const held = [...this.#lines].filter(([, line]) => line.exported || line.holder !== undefined)
    const rows = held.map(([number, line]) => {
      const who = (line.holder ?? 'sysfs').padEnd(20)
      return ` gpio-${number} (${' '.repeat(20)}|${who}) ${line.direction.padEnd(3)} ${line.wire === 1 ? 'hi' : 'lo'}`
    })
    return ['gpiochip0: GPIOs 512-569, parent: platform/pinctrl, pinctrl:', ...rows, ''].join('\n')
  }
}

export function errno(code: string, call: string, path: string): Error {
  return Object.assign(new Error(`${code}: refused, ${call} '${path}'`), { code })
}

function flip(level: Level, activeLow: boolean): Level {
  if (!activeLow) return level
  return level === 1 ? 0 : 1
}
