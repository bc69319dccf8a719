/** What machine this is, for the birth message and for what is kept on its disk. Files below `root`; what the machine does not tell is absent. */
import { readFile } from 'node:fs/promises'
import { hostname, release } from 'node:os'
import { join } from 'node:path'

export interface Host {
  readonly host: string
  readonly model?: string
  readonly os?: string
  readonly kernel: string
}

/** Reads the model from the device tree (on a PC: DMI) and the name of the distribution from os-release(5). */
export async function readHost(root: string): Promise<Host> {
  const [tree, dmi, release_] = await Promise.all([
    text(join(root, 'proc/device-tree/model')),
    text(join(root, 'sys/class/dmi/id/product_name')),
    text(join(root, 'etc/os-release')),
  ])
  const model = tree ?? dmi
  const named = /^PRETTY_NAME=(.*)$/m.exec(release_ ?? '')?.[1]?.replace(/^(["'])(.*)\1$/, '$2')
  const os = named === '' ? undefined : named
  return {
    host: hostname(),
    ...(model === undefined ? {} : { model }),
    ...(os === undefined ? {} : { os }),
    kernel: release(),
  }
}

/**
 * What tells this machine from one with a copy of its card: the serial number that is in the board, else the id that the
 * system was given at its first start (machine-id(5)); undefined where there is neither.
 */
export async function readMachineId(root: string): Promise<string | undefined> {
  return (await text(join(root, 'proc/device-tree/serial-number'))) ?? (await text(join(root, 'etc/machine-id')))
}

async function text(file: string): Promise<string | undefined> {
  try {
    // The device tree ends its strings with a NUL.
    const content = (await readFile(file, 'utf8')).replaceAll('\0', '').trim()
    return content === '' ? undefined : content
  } catch {
    return undefined // not every machine has it
  }
}
