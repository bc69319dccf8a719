import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { hostname, release, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readHost } from '../src/host.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'host-'))
})
afterEach(async () => {
  await rm(root, { recursive: true })
})

async function put(path: string, content: string): Promise<void> {
  const file = join(root, path)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, content)
}

const always = { host: hostname(), kernel: release() }

describe('the host', () => {
  it('of a machine that tells nothing has its name and kernel, and nothing made up', async () => {
    expect(await readHost(root)).toEqual(always)
  })

  it('of a Pi has the model from the device tree, without the NUL at its end', async () => {
    await put('proc/device-tree/model', 'Raspberry Pi 4 Model B Rev 1.5\0')
    await put('sys/class/dmi/id/product_name', 'not this one\n')
    await put('etc/os-release', 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\n')
    expect(await readHost(root)).toEqual({
      ...always,
      model: 'Raspberry Pi 4 Model B Rev 1.5',
      os: 'Debian GNU/Linux 12 (bookworm)',
    })
  })

  it('of a PC has the model that its firmware tells', async () => {
    await put('sys/class/dmi/id/product_name', 'ThinkPad X1\n')
    expect(await readHost(root)).toEqual({ ...always, model: 'ThinkPad X1' })
  })

  it.each([
    ['in double quotes', 'NAME=x\nPRETTY_NAME="Arch Linux"\n', 'Arch Linux'],
    ['in single quotes', "PRETTY_NAME='Void Linux'\n", 'Void Linux'],
    ['bare', 'PRETTY_NAME=Alpine\n', 'Alpine'],
    ['on the last line, without its end', 'NAME=x\nPRETTY_NAME="Arch Linux"', 'Arch Linux'],
    ['nowhere', 'NAME=x\n', undefined],
    ['empty', 'PRETTY_NAME=""\n', undefined],
  ])('has the name of a distribution that gives it %s', async (_, content, os) => {
    await put('etc/os-release', content)
    expect((await readHost(root)).os).toBe(os)
  })

  it('leaves out what is empty', async () => {
    await put('proc/device-tree/model', '\0')
    await put('etc/os-release', '\n')
    expect(await readHost(root)).toEqual(always)
  })
})
