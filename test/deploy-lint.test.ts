/** The scripts and the unit are sound, as the tools of their trade see them. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { describeWith } from './fakes/tools.ts'

const run = promisify(execFile)
const path = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url))

describeWith(['shellcheck'], 'every shell script', () => {
  it.each([
    'deploy/install.sh',
    'deploy/uninstall.sh',
    '.ci/run',
    'test/vm/build-image.sh',
    'test/vm/run-tests.sh',
    'test/vm/run-vm.sh',
    'test/vm/guest/run-tests.sh',
    'test/vm/guest/sim-hardware',
    'test/vm/guest/vm-runner',
  ])('%s satisfies shellcheck', async (script) => {
    expect(await run('shellcheck', [path(script)])).toMatchObject({ stdout: '' })
  })
})

describeWith(['systemd-analyze'], 'the unit', () => {
  it('satisfies systemd', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sensor-node-unit-'))
    try {
      const unit = join(folder, 'sensor-node.service')
      const shipped = await readFile(path('deploy/sensor-node.service'), 'utf8')
      // The one path that install.sh replaces.
      await writeFile(unit, shipped.replace('/usr/bin/node ', `${process.execPath} `))
      const { stderr } = await run('systemd-analyze', ['verify', unit])
      // It looks at what a unit needs, too; other people's units are none of our business.
      expect(stderr.split('\n').filter((line) => line.includes('sensor-node.service'))).toEqual([])
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
