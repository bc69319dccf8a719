/** Opens the way to the broker: TCP, or TLS with what the configuration names. Files are read anew for each connection. */
import { readFile } from 'node:fs/promises'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls'
import type { MqttConfig } from './config/schema.ts'
import { codeOf, messageOf } from './errors.ts'
import { ConnectionError } from './mqtt-errors.ts'

/** All CAs of the system in one file, as Debian's ca-certificates and `update-ca-certificates` keep it. */
const SYSTEM_CAS = 'etc/ssl/certs/ca-certificates.crt'

export interface Dial {
  /** Opens the socket, at once. */
  readonly open: () => Socket
  /** After `connect` comes `secureConnect`. */
  readonly secure: boolean
}

/**
 * Reads what is needed to open a socket.
 *
 * @param root the folder that stands for `/`
 * @throws ConnectionError where a certificate or key can't be used
 */
export async function dialer({ url, tls }: MqttConfig, root: string): Promise<Dial> {
  const { protocol, hostname, port } = new URL(url)
  const host = hostname.replace(/^\[(.*)\]$/, '$1') // an IPv6 address stands in brackets in a URL
  // Without Nagle's delay: an answer must not wait for the acknowledgement of its command.
  const noDelay = true
  if (protocol === 'mqtt:') {
    return { open: () => connectTcp({ host, port: Number(port || 1883), noDelay }), secure: false }
  }
  const secureContext = await contextOf(tls ?? {}, root)
  const name = tls?.servername ?? (isIP(host) === 0 ? host : undefined) // no IP address in SNI: RFC 6066, section 3
  const options = {
    ...{ host, port: Number(port || 8883), secureContext },
    ...(name === undefined ? {} : { servername: name }),
    rejectUnauthorized: true, // said aloud: else NODE_TLS_REJECT_UNAUTHORIZED in the environment could switch it off
  }
  return { open: () => connectTls(options).setNoDelay(noDelay), secure: true }
}

type Tls = NonNullable<MqttConfig['tls']>

async function contextOf(tls: Tls, root: string): Promise<SecureContext> {
  const [ca, cert, key] = await Promise.all([
    tls.ca === undefined ? systemCas(root) : read('ca', tls.ca),
    read('cert', tls.cert),
    read('key', tls.key),
  ])
  if (tls.ca !== undefined && ca?.includes('-----BEGIN CERTIFICATE') === false) {
    throw unusable('ca', tls.ca, 'holds no certificate in PEM') // OpenSSL would take it, and trust nobody
  }
  try {
    return createSecureContext({
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    })
  } catch (error) {
    const what =
      key === undefined ? `mqtt.tls.ca (${tls.ca})` : `mqtt.tls.cert (${tls.cert}) and mqtt.tls.key (${tls.key})`
    const reason = REASONS.get(codeOf(error) ?? '') ?? messageOf(error)
    throw new ConnectionError(codeOf(error) ?? 'certificate', `${what} can’t be used: ${reason}`, { cause: error })
  }
}

/** What OpenSSL says of files that it can't use. */
const REASONS: ReadonlyMap<string, string> = new Map([
  ['ERR_OSSL_X509_KEY_VALUES_MISMATCH', 'the key is not that of the certificate'],
  ['ERR_OSSL_PEM_NO_START_LINE', 'one of them is not in PEM'],
  ['ERR_OSSL_PEM_BAD_END_LINE', 'one of them is not whole'],
  ['ERR_OSSL_BAD_DECRYPT', 'the key is encrypted; write it without a passphrase, readable by this user alone'],
  ['ERR_MISSING_PASSPHRASE', 'the key is encrypted; write it without a passphrase, readable by this user alone'],
])

async function read(option: keyof Tls, file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined
  try {
    return await readFile(file)
  } catch (error) {
    throw unusable(option, file, `can’t be read (${codeOf(error) ?? messageOf(error)})`, error)
  }
}

function unusable(option: keyof Tls, file: string, why: string, cause?: unknown): ConnectionError {
  return new ConnectionError(`tls-${option}`, `mqtt.tls.${option}: ${file} ${why}; it is read again at the next try`, {
    ...(cause === undefined ? {} : { cause }),
  })
}

/** Undefined where the system keeps none: then Node's own list is used. */
async function systemCas(root: string): Promise<Buffer | undefined> {
  try {
    return await readFile(join(root, SYSTEM_CAS))
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}
