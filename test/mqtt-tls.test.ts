/** TLS against a real Mosquitto with certificates made here: each failure is told with what to do, and outlived. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { type Authority, createAuthority, type Signed } from './fakes/certificates.ts'
import { cleanUp, cleanups, link, reason, record } from './fakes/link.ts'
import { type Mosquitto, startMosquitto } from './fakes/mosquitto.ts'
import { describeWith } from './fakes/tools.ts'

const HERE = 'DNS:localhost,IP:127.0.0.1'

describeWith(['mosquitto', 'openssl'], 'TLS to a real Mosquitto', () => {
  afterEach(cleanUp)

  const authority = (name = 'Test CA'): Authority => {
    const made = createAuthority(name)
    cleanups.push(async () => made.remove())
    return made
  }
  const lines = ({ ca, crl }: Authority, { cert, key }: Signed, clients = false): string[] => [
    ...['allow_anonymous true', `cafile ${ca}`, `certfile ${cert}`, `keyfile ${key}`],
    ...(clients ? ['require_certificate true', `crlfile ${crl}`] : []),
  ]
  const start = async (extra: readonly string[]): Promise<Mosquitto & { readonly tls: string }> => {
    const mosquitto = await startMosquitto(extra)
    cleanups.push(() => mosquitto.stop())
    return { ...mosquitto, tls: mosquitto.url.replace('mqtt:', 'mqtts:') }
  }
  const FAILED = 'broker connection failed'

  it.each(['localhost', '127.0.0.1'])('works with a CA of one’s own, by the name %s', async (host) => {
    const ca = authority()
    const { tls } = await start(lines(ca, ca.sign('broker', { host: HERE })))
    const agent = link(tls.replace('127.0.0.1', host), { tls: { ca: ca.ca } })
    agent.outbox.put(record(0))
    await agent.connected()
    await agent.mqtt.idle()
    expect(agent.outbox.depth).toBe(0)
    expect(agent.lines.filter(({ level }) => Number(level) >= 40)).toEqual([])
  })

  it('takes the CAs of the system where none is named, and only those', async () => {
    const ca = authority()
    const root = mkdtempSync(join(tmpdir(), 'sensor-node-root-'))
    cleanups.push(async () => rmSync(root, { recursive: true, force: true }))
    mkdirSync(join(root, 'etc/ssl/certs'), { recursive: true })
    copyFileSync(authority('Somebody else').ca, join(root, 'etc/ssl/certs/ca-certificates.crt'))
    const { tls } = await start(lines(ca, ca.sign('broker', { host: HERE })))
    const agent = link(tls, { root })
    await agent.logged(reason(/comes from a CA that is not known here: set mqtt\.tls\.ca/))
    copyFileSync(ca.ca, join(root, 'etc/ssl/certs/ca-certificates.crt'))
    await agent.connected() // without a restart
  })

  it.each(['0', '1'])(
    'refuses an unknown CA, whatever the environment says (NODE_TLS_REJECT_UNAUTHORIZED=%s)',
    async (value) => {
      process.env.NODE_TLS_REJECT_UNAUTHORIZED = value
      cleanups.push(async () => {
        delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
      })
      const ca = authority()
      const { tls } = await start(lines(ca, ca.sign('broker', { host: HERE })))
      const agent = link(tls)
      expect(await agent.logged(({ msg }) => msg === FAILED)).toMatchObject({
        level: 40,
        reason: 'the broker’s certificate comes from a CA that is not known here: set mqtt.tls.ca to its file',
      })
      expect(agent.mqtt.connected).toBe(false)
    },
  )

  it('refuses an expired certificate, and connects when the broker has a new one', async () => {
    const ca = authority()
    const mosquitto = await start(lines(ca, ca.sign('broker', { host: HERE, days: -1 })))
    const agent = link(mosquitto.tls, { tls: { ca: ca.ca } })
    await agent.logged(reason(/certificate has expired, or this machine’s clock is wrong/))
    await mosquitto.kill()
    await mosquitto.start(lines(ca, ca.sign('broker', { host: HERE })))
    await agent.connected()
  })

  it('refuses a certificate for another name, and takes it where servername says so', async () => {
    const ca = authority()
    const { tls } = await start(lines(ca, ca.sign('broker', { host: 'DNS:broker.example.org' })))
    const agent = link(tls, { tls: { ca: ca.ca } })
    await agent.logged(reason(/is for another host name: use that name in mqtt\.url, or set mqtt\.tls\.servername/))
    const knowing = link(tls, { tls: { ca: ca.ca, servername: 'broker.example.org' } })
    await knowing.connected()
  })

  it('says that the broker wants a client certificate, and connects with one', async () => {
    const ca = authority()
    const { tls } = await start(lines(ca, ca.sign('broker', { host: HERE }), true))
    const agent = link(tls, { tls: { ca: ca.ca } })
    await agent.logged(reason(/wants a client certificate: set mqtt\.tls\.cert and mqtt\.tls\.key/))
    const known = link(tls, { tls: { ca: ca.ca, ...ca.sign('n1') } })
    await known.connected()
  })

  it('says that its client certificate is revoked since the broker’s restart, goes on, and connects with a new one', async () => {
    const ca = authority()
    const client = ca.sign('n1')
    const own = { ca: ca.ca, cert: join(ca.folder, 'own.crt'), key: join(ca.folder, 'own.key') }
    const use = ({ cert, key }: Signed): void => {
      copyFileSync(cert, own.cert)
      copyFileSync(key, own.key)
    }
    use(client)
    const server = lines(ca, ca.sign('broker', { host: HERE }), true)
    const mosquitto = await start(server)
    const agent = link(mosquitto.tls, { tls: own })
    await agent.connected()
    await mosquitto.kill()
    await agent.connected(false)
    ca.revoke(client)
    await mosquitto.start(server)
    await agent.logged(reason(/refused our client certificate as revoked: .*mqtt\.tls\.cert/))
    agent.outbox.put(record(0))
    expect(agent.mqtt.connected).toBe(false)
    use(ca.sign('n1')) // renewed in place: no restart
    await agent.connected()
    await agent.mqtt.idle()
    expect(agent.outbox.depth).toBe(0)
  })

  it.each<[string, (ca: Authority) => Signed, RegExp]>([
    ['expired', (ca) => ca.sign('n1', { days: -1 }), /refused our client certificate as expired/],
    ['of another CA', () => authority('Other CA').sign('n1'), /does not know the CA of our client certificate/],
  ])('says that its client certificate is %s', async (_, sign, words) => {
    const ca = authority()
    const { tls } = await start(lines(ca, ca.sign('broker', { host: HERE }), true))
    const agent = link(tls, { tls: { ca: ca.ca, ...sign(ca) } })
    await agent.logged(reason(words))
    expect(agent.lines.filter(({ protocol }) => protocol === '3.1.1')).toEqual([])
  })

  it.each<[string, (ca: Authority) => { cert: string; key: string; ca: string }, RegExp]>([
    [
      'a key of another certificate',
      (ca) => ({ ca: ca.ca, cert: ca.sign('a').cert, key: ca.sign('b').key }),
      /the key is not that of the certificate/,
    ],
    ['a certificate that is no certificate', (ca) => ({ ...ca.sign('a'), ca: ca.ca, cert: ca.crl }), /can’t be used/],
    [
      'a key that is away',
      (ca) => ({ ...ca.sign('a'), ca: ca.ca, key: '/nowhere/a.key' }),
      /mqtt\.tls\.key: \/nowhere\/a\.key can’t be read \(ENOENT\)/,
    ],
    [
      'a CA that is empty',
      (ca) => ({ ...ca.sign('a'), ca: join(ca.folder, 'index.txt') }),
      /holds no certificate in PEM/,
    ],
  ])('tells %s at each start of the fault, and goes on trying', async (_, make, words) => {
    const ca = authority()
    const { tls } = await start(lines(ca, ca.sign('broker', { host: HERE }), true))
    writeFileSync(join(ca.folder, 'index.txt.attr'), '')
    const agent = link(tls, { tls: make(ca) })
    expect(await agent.logged(({ msg }) => msg === FAILED)).toMatchObject({ reason: expect.stringMatching(words) })
    await agent.logged(({ msg, level }) => msg === FAILED && level === 20) // the second time, for debug only
  })

  it('says that a port without TLS is one', async () => {
    const mosquitto = await start(['allow_anonymous true'])
    const agent = link(mosquitto.tls)
    await agent.logged(reason(/cut the connection before TLS was settled: .* 8883/))
  })

  it('says that a port with TLS is one, where the url is of none', async () => {
    const ca = authority()
    const mosquitto = await start(lines(ca, ca.sign('broker', { host: HERE })))
    const agent = link(mosquitto.url)
    expect(await agent.logged(({ msg }) => msg === FAILED)).toMatchObject({ reason: expect.stringMatching(/mqtts:/) })
  })
})
