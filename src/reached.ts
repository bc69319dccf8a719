/** Why a connection did not come to be, by how far it came: what a socket says of a cut, or of nothing, says too little. */
import { ConnectionError } from './mqtt-errors.ts'

/** From the first look at a certificate to CONNACK, ms. */
export const CONNECT_TIMEOUT_MS = 10_000

/** How far an attempt came. */
export type Reached = 'nothing' | 'files' | 'host' | 'broker'

/** What a cut looks like to a socket. */
const CUTS: ReadonlySet<string> = new Set(['closed', 'ECONNRESET', 'EPIPE'])

/** A cut before any answer says more where it is known how far we came. */
export function early(error: ConnectionError, step: Reached): ConnectionError {
  if (!CUTS.has(error.kind)) return error
  if (step === 'host') {
    const reason =
      'the host cut the connection before TLS was settled: does the port speak it? mqtts:// usually goes to 8883'
    return new ConnectionError('no-tls', reason, { cause: error })
  }
  const reason =
    'the broker ended the connection without an answer: is it one for MQTT, and does the port want TLS (mqtts://)?'
  return new ConnectionError('closed', reason, { cause: error })
}

const SECONDS = `within ${CONNECT_TIMEOUT_MS / 1000} s`
export const SILENT: Readonly<Record<Reached, string>> = {
  nothing: `the files with password and certificates could not be read ${SECONDS}: is their disk all right?`,
  files: `the host does not answer ${SECONDS}: is it switched on, does a firewall drop packets, is the port right?`,
  host: `the host took the connection, and spoke no TLS ${SECONDS}: mqtts:// usually goes to port 8883`,
  broker: `something took the connection, and no broker answered ${SECONDS}: is it one, and does it still work?`,
}
