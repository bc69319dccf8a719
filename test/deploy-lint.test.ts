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
    '.ci/node-versions',
    '.ci/no-compiler',
    'test/vm/build-image.sh',
    'test/vm/build-kernel.sh',
    'test/vm/run-tests.sh',
    'test/vm/run-vm.sh',
    'test/vm/guest/run-tests.sh',
    'test/vm/guest/sim-hardware',
    'test/vm/guest/vm-runner',
  ])('%s satisfies shellcheck', async (script) => {
    expect(await run('shellcheck', [path(script)])).toMatchObject({ stdout: '' })
  })
})

/** Of 10, which is a service without any protection; counted by systemd 252. */
const MOST_EXPOSED = 1.5

describeWith(['systemd-analyze'], 'the unit', () => {
  const security = async (...options: string[]): Promise<string> => {
    const { stdout } = await run('systemd-analyze', [
      'security',
      '--offline=true',
      ...options,
      path('deploy/sensor-node.service'),
    ])
    return stdout
  }

  it('leaves an exposure of 1.5 or less, by the count of systemd', async () => {
    const exposure = /Overall exposure level for sensor-node\.service: ([\d.]+)/.exec(await security('--no-pager'))?.[1]
    expect(Number(exposure)).toBeLessThanOrEqual(MOST_EXPOSED)
  })

  it('leaves nothing open that docs/security.md does not give a reason for', async () => {
    const settings: { set: boolean; json_field: string; exposure: string | null }[] = JSON.parse(
      await security('--json=short'),
    )
    const open = settings.filter(({ set, exposure }) => !set && Number(exposure) > 0)
    expect(open.length).toBeGreaterThan(5)
    const page = await readFile(path('docs/security.md'), 'utf8')
    const rows = page.slice(page.indexOf('| left open |'), page.indexOf('\n\n', page.indexOf('| left open |')))
    for (const { json_field: field } of open) {
      // As RestrictAddressFamilies_AF_INET_INET6, RootDirectoryOrRootImage.
      const [setting = '', family] = field.replace('OrRootImage', '').split(/_(AF_[A-Z]+)/)
      expect(rows).toContain(`\`${setting}=\``)
      if (family !== undefined) expect(rows).toContain(`\`${family}\``)
    }
  })

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
