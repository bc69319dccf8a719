import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import {
  chmod,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const REPOSITORY = join(import.meta.dirname, '..')
const PROGRAM = 'opt/sensor-node'
const CONFIG = 'etc/sensor-node/config.yaml'
const UNIT = 'etc/systemd/system/sensor-node.service'
const COMMAND = 'usr/local/bin/sensor-node'

/**
 * Stands in for the program: `check` refuses a config that says so, or that wants a variable that is not there; all else
 * is printed.
 */
const STAND_IN = `import { readFileSync } from 'node:fs'
if (process.argv[2] !== 'check') {
  console.log(process.argv.slice(2).join(' '))
  process.exit()
}
const config = readFileSync(process.argv[3], 'utf8')
const wrong = config.includes('broken') || (config.includes('SECRET') && process.env.SECRET !== 'with "blanks"')
if (wrong) console.error(process.argv[3] + ':1:1: mqtt: broken')
process.exit(wrong ? 78 : 0)
`

/** Stands in for npm: notes how it was called, and builds what the arguments say. */
const NPM = `#!/bin/sh
echo "$@" >>npm-calls
[ ! -e fail ] || exit 1
mkdir -p dist node_modules
cp standin.js dist/main.js
`

interface Outcome {
  readonly code: number
  readonly text: string
}

let folder: string
let tree: string
let root: string
let node: string
let path: string

/** Runs a script of `deploy` of the tree. Output and errors in one text. */
function run(script: string, ...args: string[]): Promise<Outcome> {
  const env = { PATH: path, HOME: join(folder, 'home') }
  return new Promise((resolve, reject) => {
    execFile('/bin/bash', [script, ...args], { env, cwd: folder }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code
      if (typeof code === 'number') resolve({ code, text: stdout + stderr })
      else reject(error)
    })
  })
}

const install = (...args: string[]) => run(join(tree, 'deploy/install.sh'), '--root', root, '--node', node, ...args)
const uninstall = (...args: string[]) => run(join(root, PROGRAM, 'deploy/uninstall.sh'), '--root', root, ...args)

async function put(file: string, text: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, text)
  await chmod(file, mode)
}

/** Everything below a folder: path, mode, and what is in it. */
async function listing(below: string): Promise<string[]> {
  const entries = await readdir(below, { recursive: true })
  const lines = entries.map(async (name) => {
    const file = join(below, name)
    const stat = await lstat(file)
    const content = stat.isFile() ? await readFile(file, 'utf8') : stat.isSymbolicLink() ? await readlink(file) : ''
    return `${name} ${stat.mode.toString(8)} ${content}`
  })
  return (await Promise.all(lines)).sort()
}

const read = (file: string) => readFile(join(root, file), 'utf8')

beforeEach(async () => {
  // Blanks in every path, because people have them.
  folder = await mkdtemp(join(tmpdir(), 'deploy of a node-'))
  await chmod(folder, 0o755)
  tree = join(folder, 'the source tree')
  root = join(folder, 'the image')
  node = join(folder, 'bin dir/node')
  path = `${join(folder, 'bin dir')}:/usr/bin:/bin`
  await mkdir(root)
  await put(node, `#!/bin/sh\nexec "${process.execPath}" "$@"\n`, 0o755)
  await put(join(folder, 'bin dir/npm'), NPM, 0o755)
  await cp(join(REPOSITORY, 'deploy'), join(tree, 'deploy'), { recursive: true })
  await cp(join(REPOSITORY, 'package.json'), join(tree, 'package.json'))
  await put(join(tree, 'config.yaml'), 'shipped: true\n')
  await put(join(tree, 'config.schema.json'), '{}\n')
  await put(join(tree, 'LICENSE'), 'text\n')
  await put(join(tree, 'standin.js'), STAND_IN)
  await put(join(tree, 'dist/main.js'), STAND_IN, 0o755)
  const packages = {
    'node_modules/used': { version: '1.0.0' },
    'node_modules/used/node_modules/inner': { version: '1.0.0' },
    'node_modules/used/node_modules/tried': { version: '1.0.0', dev: true },
    'node_modules/@tools/builder': { version: '1.0.0', dev: true },
  }
  await put(join(tree, 'node_modules/.package-lock.json'), JSON.stringify({ packages }))
  for (const name of Object.keys(packages)) await put(join(tree, name, 'index.js'), '')
})

afterEach(() => rm(folder, { recursive: true }))

describe('installing', () => {
  it('puts program, config, command and unit in place, and says each step', async () => {
    const { code, text } = await install()
    expect(text).toContain(`put it in place as ${root}/${PROGRAM}`)
    expect(code).toBe(0)
    expect(await read(CONFIG)).toBe('shipped: true\n')
    expect((await lstat(join(root, CONFIG))).mode & 0o777).toBe(0o640)
    expect((await lstat(join(root, dirname(CONFIG)))).mode & 0o777).toBe(0o750)
    expect(await readdir(join(root, PROGRAM))).toEqual([
      'LICENSE',
      'config.schema.json',
      'config.yaml',
      'deploy',
      'dist',
      'node_modules',
      'package.json',
    ])
    expect(await readdir(join(root, PROGRAM, 'deploy'))).toEqual(['uninstall.sh'])
    expect(await readdir(join(root, 'opt'))).toEqual(['sensor-node'])
  })

  it('the schema that the first line of the config names for editors is there, as the program’s own', async () => {
    await install()
    const link = join(root, dirname(CONFIG), 'config.schema.json')
    expect(await readlink(link)).toBe('/opt/sensor-node/config.schema.json')
    expect(await read(`${PROGRAM}/config.schema.json`)).toBe('{}\n')
    await rm(link)
    await put(link, 'somebody’s own')
    await install()
    expect(await readFile(link, 'utf8')).toBe('somebody’s own')
    await uninstall()
    expect(await readFile(link, 'utf8')).toBe('somebody’s own')
  })

  it('leaves the packages that only development needs behind', async () => {
    await install()
    expect(await readdir(join(root, PROGRAM, 'node_modules'))).toEqual(['used'])
    expect(await readdir(join(root, PROGRAM, 'node_modules/used/node_modules'))).toEqual(['inner'])
  })

  it('the unit differs from the shipped one in the path of Node.js alone, and never names the folder of the image', async () => {
    await install()
    const shipped = (await readFile(join(REPOSITORY, 'deploy/sensor-node.service'), 'utf8')).split('\n')
    const written = (await read(UNIT)).split('\n')
    const different = written.filter((line, index) => line !== shipped[index])
    const rest =
      '--max-semi-space-size=1 --max-old-space-size=256 --single-threaded-gc /opt/sensor-node/dist/main.js run --config /etc/sensor-node/config.yaml'
    expect(different).toEqual([`ExecStart="${node}" ${rest}`])
    expect(shipped).toContain(`ExecStart=/usr/bin/node ${rest}`)
    expect(await read(COMMAND)).toBe(`#!/bin/sh\nexec "${node}" /opt/sensor-node/dist/main.js "$@"\n`)
    expect((await lstat(join(root, COMMAND))).mode & 0o777).toBe(0o755)
  })

  it('puts the manual page and the completions where man and the shells look', async () => {
    await install()
    expect(await read('usr/local/share/man/man1/sensor-node.1')).toBe('man\n')
    expect(await read('usr/local/share/bash-completion/completions/sensor-node')).toBe('completion bash\n')
    expect(await read('usr/local/share/zsh/site-functions/_sensor-node')).toBe('completion zsh\n')
    await uninstall()
    expect((await listing(join(root, 'usr'))).filter((line) => line.includes('sensor-node'))).toEqual([])
  })

  it('without --node takes the first of the PATH', async () => {
    const { code } = await run(join(tree, 'deploy/install.sh'), '--root', root)
    expect(code).toBe(0)
    expect(await read(UNIT)).toContain(`ExecStart="${node}" `)
  })

  it('everybody may read the program, however closed the source tree is', async () => {
    await chmod(join(tree, 'dist'), 0o700)
    await chmod(join(tree, 'dist/main.js'), 0o600)
    await install()
    expect((await lstat(join(root, PROGRAM, 'dist'))).mode & 0o777).toBe(0o755)
    expect((await lstat(join(root, PROGRAM, 'dist/main.js'))).mode & 0o777).toBe(0o644)
  })

  it('a rehearsal names every step and changes nothing', async () => {
    const before = await listing(folder)
    const { code, text } = await install('--dry-run')
    expect(code).toBe(0)
    for (const thing of [PROGRAM, CONFIG, COMMAND, UNIT]) expect(text).toMatch(new RegExp(`would .*${root}/${thing}`))
    expect(await listing(folder)).toEqual(before)
  })

  it('drivers that do not load are told, and do not stop it', async () => {
    const { code, text } = await install()
    expect(code).toBe(0)
    expect(text).toContain('could not be built: bme280-sensor, classic-level, i2c-bus, koffi, node-dht-sensor, onoff')
  })

  it('an option that nobody knows is an error with the usage', async () => {
    const before = await listing(folder)
    for (const args of [['--force'], ['extra'], ['--root'], ['--node', '']]) {
      const { code, text } = await install(...args)
      expect([code, text]).toEqual([2, expect.stringContaining('Usage:')])
    }
    expect((await install('--help')).code).toBe(0)
    expect(await listing(folder)).toEqual(before)
  })
})

describe('upgrading', () => {
  it('replaces the program as a whole and leaves the config as it is, to the byte and the mode', async () => {
    await install()
    await put(join(root, CONFIG), '# mine\r\nmqtt: {}', 0o600)
    await put(join(root, PROGRAM, 'dist/gone.js'), 'of the older version')
    await put(join(tree, 'dist/fresh.js'), 'of the newer version')
    await put(join(tree, 'config.yaml'), 'shipped: newer\n')
    const { code, text } = await install()
    expect([code, text]).toEqual([0, expect.stringContaining(`keep ${root}/${CONFIG} as it is`)])
    expect(await read(CONFIG)).toBe('# mine\r\nmqtt: {}')
    expect((await lstat(join(root, CONFIG))).mode & 0o777).toBe(0o600)
    expect(await readdir(join(root, PROGRAM, 'dist'))).toEqual(['fresh.js', 'main.js'])
  })

  it('a second run gives the same files as the first', async () => {
    await install()
    const first = await listing(root)
    expect((await install()).code).toBe(0)
    expect(await listing(root)).toEqual(first)
  })

  it.each([
    ['while copying', ['.new']],
    ['between the two renames', ['.new', '.old']],
    ['before the last removal', ['', '.old']],
  ])('a run that was cut off %s is healed by the next', async (_, left) => {
    await install()
    const whole = await listing(root)
    await cp(join(root, PROGRAM), join(folder, 'copy'), { recursive: true })
    await rm(join(root, PROGRAM), { recursive: true })
    for (const suffix of left) await cp(join(folder, 'copy'), join(root, PROGRAM + suffix), { recursive: true })
    await put(join(root, `${PROGRAM}.new/half`), 'a')
    expect((await install()).code).toBe(0)
    expect(await listing(root)).toEqual(whole)
  })

  it('a config that the new program refuses stops it before anything is changed, with the reasons', async () => {
    await install()
    await put(join(root, CONFIG), 'broken')
    const before = await listing(root)
    const { code, text } = await install()
    expect(code).toBe(1)
    expect(text).toContain('Nothing was changed')
    expect(text).toContain(`does not accept ${root}/${CONFIG}:\n${root}/${CONFIG}:1:1: mqtt: broken`)
    expect(await listing(root)).toEqual(before)
  })

  it('a program that does not run at all stops it, too', async () => {
    await put(join(tree, 'dist/main.js'), 'import "not-there"')
    const { code, text } = await install()
    expect([code, text]).toEqual([1, expect.stringContaining('ERR_MODULE_NOT_FOUND')])
    expect(await listing(root)).toEqual([])
  })

  it('the config is checked with the variables that the service will have', async () => {
    await put(join(root, CONFIG), 'password: SECRET')
    expect((await install()).code).toBe(1)
    await put(join(root, 'etc/sensor-node/environment'), '# for the broker\nSECRET=\'with "blanks"\'')
    expect((await install()).code).toBe(0)
  })
})

describe('refusing', () => {
  async function refused(args: string[] = []): Promise<string> {
    const before = await listing(folder)
    const { code, text } = await install(...args)
    expect(code).toBe(1)
    expect(text).toContain('Nothing was changed')
    expect(await listing(folder)).toEqual(before)
    return text
  }

  it.each(['v18.20.4', 'v20.18.3', 'v20.2.0'])(
    'Node.js %s is too old, and the way to a newer one is told',
    async (version) => {
      await put(node, `#!/bin/sh\necho ${version}\n`, 0o755)
      const text = await refused()
      expect(text).toContain(`it is version ${version.slice(1)}`)
      expect(text).toContain('sudo apt install nodejs npm')
    },
  )

  it.each(['v20.19.0', 'v22.1.0', 'v100.0.0'])('Node.js %s is new enough', async (version) => {
    await put(
      node,
      `#!/bin/sh\n[ "$1" != --version ] || { echo ${version}; exit; }\nexec "${process.execPath}" "$@"\n`,
      0o755,
    )
    expect((await install()).code).toBe(0)
  })

  it('a Node.js in a home folder, as version managers put it there', async () => {
    const managed = join(folder, 'home/.nvm/versions/v22/bin/node')
    await cp(node, managed)
    node = managed
    expect(await refused()).toContain('in a home folder, which a service can not see')
  })

  it('a link into a home folder, over however many links', async () => {
    await cp(node, join(folder, 'home/.volta/node'))
    await symlink('../home/.volta/node', join(folder, 'bin dir/second'))
    await symlink('second', join(folder, 'bin dir/first'))
    node = join(folder, 'bin dir/first')
    expect(await refused()).toContain('a link to')
  })

  it('a Node.js that other users may not run', async () => {
    await chmod(dirname(node), 0o700)
    expect(await refused()).toContain(`${dirname(node)} is closed to other users`)
    await chmod(dirname(node), 0o755)
    await chmod(node, 0o744)
    expect(await refused()).toContain(`${node} is closed to other users`)
  })

  it('a Node.js that does not run, or is none', async () => {
    await put(node, '#!/bin/sh\nexit 1\n', 0o755)
    expect(await refused()).toContain('it does not run here')
    node = join(folder, 'nothing')
    expect(await refused()).toContain('no program')
  })

  it('an unbuilt tree where compiler, make, Python and npm are missing names all of them at once', async () => {
    await rm(join(tree, 'node_modules'), { recursive: true })
    await rm(join(folder, 'bin dir/npm'))
    path = join(folder, 'tools')
    await mkdir(path)
    for (const name of ['awk', 'dirname', 'find', 'getent', 'readlink', 'realpath', 'sed', 'sort', 'stat', 'uname']) {
      await symlink(join('/usr/bin', name), join(path, name))
    }
    const text = await refused()
    expect(text).toContain('needs a C++ compiler, make, python3: sudo apt install build-essential python3')
    expect(text).toContain('npm is missing')
  })

  it('a folder in its place that it did not put there, such as the source tree itself', async () => {
    await put(join(root, PROGRAM, 'precious'), 'work of months')
    expect(await refused()).toContain('is in the way')
    await rm(join(root, PROGRAM), { recursive: true })
    await cp(tree, join(root, PROGRAM), { recursive: true })
    tree = join(root, PROGRAM)
    expect(await refused()).toContain('is in the way')
  })
})

describe('building', () => {
  const calls = () => readFile(join(tree, 'npm-calls'), 'utf8')

  it('a tree without packages is built, from the lock file', async () => {
    await rm(join(tree, 'node_modules'), { recursive: true })
    await rm(join(tree, 'dist'), { recursive: true })
    await put(join(tree, 'package-lock.json'), '{"packages":{}}')
    expect((await install()).code).toBe(0)
    expect(await calls()).toBe('ci --include=dev --no-audit --no-fund\n')
    expect(existsSync(join(root, PROGRAM, 'dist/main.js'))).toBe(true)
  })

  it('a tree whose packages are not those of the lock file gets them', async () => {
    const lock = (version: string) =>
      JSON.stringify({ packages: { '': {}, 'node_modules/used': { version }, 'node_modules/no': { dev: true } } })
    await put(join(tree, 'package-lock.json'), lock('1.0.0'))
    await install()
    expect(existsSync(join(tree, 'npm-calls'))).toBe(false)
    await put(join(tree, 'package-lock.json'), lock('1.0.1'))
    await install()
    expect(await calls()).toContain('ci ')
  })

  it('sources that are newer than the program are compiled, without the network', async () => {
    await put(join(tree, 'node_modules/.bin/tsc'), '', 0o755)
    await put(join(tree, 'src/main.ts'), '')
    const built = Date.now() / 1000 + 60
    await utimes(join(tree, 'dist/main.js'), built, built)
    await utimes(join(tree, 'src/main.ts'), built - 1, built - 1)
    await install()
    expect(existsSync(join(tree, 'npm-calls'))).toBe(false)
    await utimes(join(tree, 'src/main.ts'), built + 1, built + 1)
    await install()
    expect(await calls()).toBe('run build --silent\n')
  })

  it('a rehearsal does not build', async () => {
    await rm(join(tree, 'node_modules'), { recursive: true })
    const before = await listing(folder)
    const { code, text } = await install('--dry-run')
    expect([code, text]).toEqual([0, expect.stringContaining('would fetch the packages')])
    expect(await listing(folder)).toEqual(before)
  })

  it('a build that fails leaves what is installed alone', async () => {
    await install()
    const before = await listing(root)
    await rm(join(tree, 'node_modules'), { recursive: true })
    await put(join(tree, 'fail'), '')
    const { code, text } = await install()
    expect([code, text]).toEqual([1, expect.stringContaining('the build failed')])
    expect(await listing(root)).toEqual(before)
  })
})

describe('uninstalling', () => {
  it('leaves the config and nothing else', async () => {
    await install()
    await put(join(root, 'var/cache/sensor-node/agent.js.code'), '')
    const { code, text } = await uninstall()
    expect([code, text]).toEqual([0, expect.stringContaining(`Kept: ${root}/etc/sensor-node`)])
    const left = (await listing(root)).filter((line) => line.includes('sensor-node'))
    expect(left.map((line) => line.split(' ')[0])).toEqual(['etc/sensor-node', CONFIG])
  })

  it('--purge takes config, state and drop-ins, too', async () => {
    await install()
    await put(join(root, `${UNIT}.d/override.conf`), '[Service]')
    await put(join(root, 'var/lib/sensor-node/levels.json'), '{}')
    expect((await uninstall('--purge')).code).toBe(0)
    expect((await listing(root)).filter((line) => line.includes('sensor-node'))).toEqual([])
  })

  it('a second time there is nothing to do, and that is no error', async () => {
    await install()
    await uninstall()
    const before = await listing(root)
    const { code, text } = await run(join(tree, 'deploy/uninstall.sh'), '--root', root)
    expect([code, text]).toEqual([0, expect.stringContaining('nothing to do')])
    expect(await listing(root)).toEqual(before)
  })

  it('a rehearsal changes nothing', async () => {
    await install()
    const before = await listing(root)
    const { code, text } = await uninstall('--purge', '--dry-run')
    expect([code, text]).toEqual([0, expect.stringContaining(`would remove the program, ${root}/${PROGRAM}`)])
    expect(await listing(root)).toEqual(before)
  })

  it('a source tree in the place of the program is left alone', async () => {
    await cp(tree, join(root, PROGRAM), { recursive: true })
    const { code } = await uninstall()
    expect(code).toBe(0)
    expect(existsSync(join(root, PROGRAM, 'dist/main.js'))).toBe(true)
  })

  it('an option that nobody knows is an error', async () => {
    await install()
    expect((await uninstall('--all')).code).toBe(2)
    expect(existsSync(join(root, UNIT))).toBe(true)
  })
})

describe('this very tree', () => {
  it('installs a program that runs on the packages that come with it', async () => {
    await rm(tree, { recursive: true })
    await mkdir(tree)
    for (const name of ['deploy', 'dist', 'package.json', 'config.yaml', 'config.schema.json', 'LICENSE']) {
      await cp(join(REPOSITORY, name), join(tree, name), { recursive: true })
    }
    await symlink(join(REPOSITORY, 'node_modules'), join(tree, 'node_modules'))
    const { code, text } = await install()
    expect(text).toContain('put it in place')
    expect(code).toBe(0)
    expect(existsSync(join(root, PROGRAM, 'node_modules/vitest'))).toBe(false)
    const command = join(folder, 'run.sh')
    await put(command, `exec "${node}" "${join(root, PROGRAM)}/dist/main.js" "$@"\n`)
    expect(await run(command, 'check', join(root, CONFIG))).toMatchObject({ code: 0 })
  })
})
