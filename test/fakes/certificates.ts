/** Certificates that a test makes with openssl: a CA, what it signed, and what it has revoked. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Signed {
  readonly cert: string
  readonly key: string
}

export interface Authority {
  readonly folder: string
  /** File of its own certificate. */
  readonly ca: string
  /** `days` below 0: expired for a day. */
  sign(name: string, options?: { readonly host?: string; readonly days?: number }): Signed
  /** Revokes a certificate, and writes the list of those that are. */
  revoke(signed: Signed): void
  /** File of the list. */
  readonly crl: string
  remove(): void
}

/** Makes one in a folder of its own. Keys on a curve: they are made in no time. */
export function createAuthority(name: string): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'sensor-node-ca-'))
  chmodSync(folder, 0o755) // a Mosquitto that root starts reads as another user
  const at = (file: string): string => join(folder, file)
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  }
  mkdirSync(at('new'))
  writeFileSync(at('index.txt'), '')
  writeFileSync(at('serial'), '1000\n')
  writeFileSync(at('crlnumber'), '1000\n')
  writeFileSync(
    at('ca.cnf'),
    [
      '[ca]',
      'default_ca = own',
      '[own]',
      ...['dir = .', 'database = index.txt', 'new_certs_dir = new', 'serial = serial', 'crlnumber = crlnumber'],
      ...['certificate = ca.crt', 'private_key = ca.key', 'default_md = sha256', 'default_crl_days = 30'],
      ...['policy = any', 'unique_subject = no', 'copy_extensions = copy'],
      '[any]',
      'commonName = supplied',
      '',
    ].join('\n'),
  )
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '30', '-subj', `/CN=${name}`)
  openssl('ca', '-config', 'ca.cnf', '-gencrl', '-out', 'ca.crl')
  let count = 0
  return {
    folder,
    ca: at('ca.crt'),
    crl: at('ca.crl'),
    sign(subject, { host, days = 30 } = {}) {
      count += 1
      const base = `${count}-${subject}`
      const names = host === undefined ? [] : ['-addext', `subjectAltName=${host}`]
      openssl('req', ...newKey, '-keyout', `${base}.key`, '-out', `${base}.csr`, '-subj', `/CN=${subject}`, ...names)
      const time = (offsetDays: number): string =>
        `${new Date(Date.now() + offsetDays * 86_400_000).toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`
      const span = days < 0 ? [time(-3), time(-1)] : [time(-1), time(days)]
      const dates = ['-startdate', span[0] ?? '', '-enddate', span[1] ?? '']
      openssl('ca', '-config', 'ca.cnf', '-batch', '-notext', '-in', `${base}.csr`, '-out', `${base}.crt`, ...dates)
      chmodSync(at(`${base}.key`), 0o644)
      return { cert: at(`${base}.crt`), key: at(`${base}.key`) }
    },
    revoke({ cert }) {
      openssl('ca', '-config', 'ca.cnf', '-revoke', cert)
      openssl('ca', '-config', 'ca.cnf', '-gencrl', '-out', 'ca.crl')
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
