// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how a configuration names a variable
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Loaded, loadConfig } from '../../src/config/load.ts'
import { readPassword } from '../../src/config/secrets.ts'
import { ConfigError } from '../../src/errors.ts'
import { asOrdinaryUser } from './ordinary-user.ts'
import { line } from './told.ts'

let folder: string
let credentials: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sensor-node-secrets-'))
  await chmod(folder, 0o755)
  credentials = join(folder, 'credentials')
  await mkdir(credentials)
})
afterEach(() => rm(folder, { recursive: true }))

const put = async (name: string, content: string | Uint8Array, mode = 0o600): Promise<string> => {
  const path = join(folder, name)
  await writeFile(path, content, { mode })
  await chmod(path, mode)
  return path
}

/** With this section below `mqtt:`, whose first line is line 2 of the file. */
async function load(mqtt: string, env: Readonly<Record<string, string>> = {}): Promise<Loaded> {
  const file = await put('config.yaml', `mqtt:\n${mqtt.replaceAll(/^/gm, '  ')}\nsensors: [{ type: system }]\n`)
  return loadConfig(file, { env, hostname: 'rpi001' })
}

async function problemsOf(mqtt: string, env: Readonly<Record<string, string>> = {}): Promise<string[]> {
  try {
    await load(mqtt, env)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(line)
  }
}

describe('the file with the password', () => {
  it('is found where an absolute path says, below the folder of the configuration, and beside it', async () => {
    await mkdir(join(folder, 'secret'))
    for (const name of ['beside', 'secret/below']) {
      const path = await put(name, 'hunter2\n')
      for (const written of [name, `./${name}`, path]) {
        const { config, warnings } = await load(`username: joe\npassword_file: ${written}`)
        expect(config.mqtt.password_file).toBe(path)
        expect(await readPassword(config.mqtt)).toBe('hunter2')
        expect(warnings).toEqual([])
      }
    }
  })

  it('is looked for among the credentials first, where its name has no slash', async () => {
    await put('pw', 'beside')
    await put('credentials/pw', 'credential')
    const env = { CREDENTIALS_DIRECTORY: credentials }
    expect(await readPassword((await load('username: joe\npassword_file: pw', env)).config.mqtt)).toBe('credential')
    expect(await readPassword((await load('username: joe\npassword_file: ./pw', env)).config.mqtt)).toBe('beside')
    await rm(join(credentials, 'pw'))
    expect(await readPassword((await load('username: joe\npassword_file: pw', env)).config.mqtt)).toBe('beside')
    expect(
      await readPassword((await load('username: joe\npassword_file: pw', { CREDENTIALS_DIRECTORY: '' })).config.mqtt),
    ).toBe('beside')
  })

  it('is the credential mqtt-password, where the file has a user name and no password', async () => {
    const env = { CREDENTIALS_DIRECTORY: credentials }
    const path = await put('credentials/mqtt-password', 'credential\n', 0o400)
    expect((await load('username: joe', env)).config.mqtt.password_file).toBe(path)
    expect((await load('client_id: joe', env)).config.mqtt.password_file).toBeUndefined()
    expect((await load('username: joe', {})).config.mqtt.password_file).toBeUndefined()
    const own = await load('username: joe\npassword: ${P}', { ...env, P: 'own' })
    expect(own.config.mqtt.password_file).toBeUndefined()
    expect(await readPassword(own.config.mqtt)).toBe('own')
    await rm(path)
    expect((await load('username: joe', env)).config.mqtt.password_file).toBeUndefined()
  })

  it('that is the credential brings the warning about clear text', async () => {
    await put('credentials/mqtt-password', 'credential\n')
    const { warnings } = await load('username: joe\nurl: mqtt://broker', { CREDENTIALS_DIRECTORY: credentials })
    expect(warnings.map(line)).toEqual([expect.stringContaining('3:8 mqtt.url: the password goes over the network')])
  })

  it('is told at its place where it is absent', async () => {
    expect(await problemsOf('username: joe\npassword_file: nowhere')).toEqual([
      `3:18 mqtt.password_file: ${folder}/nowhere does not exist (create it, or correct the path; a relative one begins at the folder of this file)`,
    ])
    expect((await problemsOf('username: joe\npassword_file: config.yaml/x'))[0]).toContain(
      'config.yaml/x does not exist',
    )
    expect((await problemsOf('username: joe\npassword_file: ~/pw'))[0]).toContain(
      'write the whole path: ~ is not replaced here',
    )
  })

  it.each([
    ['', 'is empty'],
    ['\n', 'is empty'],
    ['\r\n', 'is empty'],
    [new Uint8Array([0x68, 0xff, 0xfe]), 'is not text in UTF-8'],
    ['x'.repeat(65_536), 'is longer than a password can be'],
  ])('is told where it holds no password', async (content, reason) => {
    await put('pw', content)
    expect(await problemsOf('username: joe\npassword_file: pw')).toEqual([
      `3:18 mqtt.password_file: ${folder}/pw ${reason} (write the password into it, on one line)`,
    ])
  })

  it('is told where it is no file that can be read', async () => {
    await symlink('loop', join(folder, 'loop'))
    expect((await problemsOf('username: joe\npassword_file: credentials'))[0]).toContain(
      '/credentials is a folder (name the file in it)',
    )
    expect((await problemsOf('username: joe\npassword_file: /dev/zero'))[0]).toContain(
      '/dev/zero is not a regular file',
    )
    expect((await problemsOf('username: joe\npassword_file: loop'))[0]).toContain('/loop can not be read (ELOOP)')
  })

  it('is told where this user may not read it', async () => {
    await put('pw', 'hunter2', 0o000)
    const file = await put(
      'config.yaml',
      'mqtt: { username: joe, password_file: pw }\nsensors: [{ type: system }]\n',
      0o644,
    )
    const loading = asOrdinaryUser(() => loadConfig(file, { env: {}, hostname: 'rpi001' }))
    await expect(loading).rejects.toThrow('/pw may not be read by this user')
  })

  it('is told together with all other problems, in the order of the file', async () => {
    const problems = await problemsOf('keepalive: 5\nusername: joe\npassword_file: nowhere\nprotocol: 3')
    expect(problems.map((text) => text.split(': ')[0])).toEqual([
      '2:14 mqtt.keepalive',
      '4:18 mqtt.password_file',
      '5:13 mqtt.protocol',
    ])
  })

  it('is not looked at where the configuration is wrong about it', async () => {
    expect(await problemsOf('username: joe\npassword_file: 5')).toHaveLength(1)
  })

  it('brings a warning, with the remedy, where everybody can read it', async () => {
    const path = await put('pw', 'hunter2', 0o644)
    const { warnings } = await load('username: joe\npassword_file: pw')
    expect(warnings.map(line)).toEqual([
      `3:18 mqtt.password_file: ${path} can be read by everybody on this machine (chmod o-rwx ${path})`,
    ])
    await chmod(path, 0o640)
    expect((await load('username: joe\npassword_file: pw')).warnings).toEqual([])
  })

  it('with a blank in its path is quoted in the remedy', async () => {
    const path = await put('my pw', 'hunter2', 0o644)
    expect((await load('username: joe\npassword_file: my pw')).warnings[0]?.suggestion).toBe(`chmod o-rwx '${path}'`)
  })

  it('is shown as the configuration has it, where its path comes from the environment', async () => {
    await put('hunter2', 'pw', 0o644)
    const { warnings } = await load('username: joe\npassword_file: ${P}', { P: 'hunter2' })
    expect(warnings.map(line)).toEqual([
      "3:18 mqtt.password_file: ${P} can be read by everybody on this machine (chmod o-rwx '${P}')",
    ])
    expect(await problemsOf('username: joe\npassword_file: ${P}', { P: 'hunter3' })).toEqual([
      '3:18 mqtt.password_file: ${P} does not exist (create it, or correct the path; a relative one begins at the folder of this file)',
    ])
  })
})

describe('the password', () => {
  it('is in no configuration, when it comes from a file', async () => {
    await put('pw', 'hunter2\n')
    const loaded = await load('username: joe\npassword_file: pw')
    expect(JSON.stringify(loaded)).not.toContain('hunter2')
  })

  it.each([
    ['hunter2', 'hunter2'],
    ['hunter2\n', 'hunter2'],
    ['hunter2\r\n', 'hunter2'],
    ['hunter2\n\n', 'hunter2\n'],
    [' hunter 2 \n', ' hunter 2 '],
    ['\uFEFFpä$${X}\n', 'pä$${X}'],
  ])('is the content of its file %j without one line end', async (content, password) => {
    await put('pw', content)
    expect(await readPassword((await load('username: joe\npassword_file: pw')).config.mqtt)).toBe(password)
  })

  it('is read afresh at each call', async () => {
    await put('pw', 'old')
    const { config } = await load('username: joe\npassword_file: pw')
    await put('pw', 'new')
    expect(await readPassword(config.mqtt)).toBe('new')
  })

  it('that is gone later is an error that names the file, and a later one tells nothing of what is in it', async () => {
    const path = await put('pw', 'old')
    const { config } = await load('username: joe\npassword_file: pw')
    await rm(path)
    await expect(readPassword(config.mqtt)).rejects.toThrow(ConfigError)
    await expect(readPassword(config.mqtt)).rejects.toThrow(`${path} does not exist`)
    await put('pw', new Uint8Array([...Buffer.from('hunter2'), 0xff]))
    await expect(readPassword(config.mqtt)).rejects.toThrow(/^(?!.*hunter2).*pw is not text in UTF-8/)
  })

  it('is undefined where there is none', async () => {
    expect(await readPassword((await load('url: mqtt://localhost')).config.mqtt)).toBeUndefined()
  })
})

describe('the files of TLS', () => {
  const TLS = 'url: mqtts://localhost\ntls:\n  ca: ca.crt\n  cert: client.crt\n  key: client.key'

  it('get absolute paths, from the folder of the configuration', async () => {
    for (const name of ['ca.crt', 'client.crt', 'client.key']) await put(name, 'pem')
    const { config, warnings } = await load(`${TLS}\n  servername: broker`)
    expect(config.mqtt.tls).toEqual({
      ca: join(folder, 'ca.crt'),
      cert: join(folder, 'client.crt'),
      key: join(folder, 'client.key'),
      servername: 'broker',
    })
    expect(warnings).toEqual([])
  })

  it('are told, each at its place, where they are absent', async () => {
    await put('client.crt', 'pem')
    expect((await problemsOf(TLS)).map((text) => text.split(' (')[0])).toEqual([
      `4:9 mqtt.tls.ca: ${folder}/ca.crt does not exist`,
      `6:10 mqtt.tls.key: ${folder}/client.key does not exist`,
    ])
  })

  it('bring a warning where everybody can read the key, and none for the certificates', async () => {
    for (const name of ['ca.crt', 'client.crt', 'client.key']) await put(name, 'pem', 0o644)
    expect((await load(TLS)).warnings.map(line)).toEqual([
      `6:10 mqtt.tls.key: ${folder}/client.key can be read by everybody on this machine (chmod o-rwx ${folder}/client.key)`,
    ])
  })
})
