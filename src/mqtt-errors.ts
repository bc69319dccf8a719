/**
 * Why the broker is not there, in a person's words. Looks at codes only: Node's for sockets and TLS, OpenSSL's
 * for certificates, MQTT's reason codes (MQTT 5 section 2.4, MQTT 3.1.1 section 3.2.2.3) for refusals.
 */
import type { Fault } from './faults.ts'

const SOCKET_REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens at that address: is the broker running, and is the port right?',
  ENOTFOUND: 'that host name is not known: check the spelling, or use an IP address',
  EAI_AGAIN: 'host names can’t be looked up right now: is the network up?',
  EHOSTUNREACH: 'there is no way to that host: is it switched on, and in this network?',
  ENETUNREACH: 'the network is not up',
  ETIMEDOUT: 'the host does not answer',
  ECONNRESET: 'the broker cut the connection',
  EPIPE: 'the broker cut the connection',
  SELF_SIGNED_CERT_IN_CHAIN:
    'the broker’s certificate comes from a CA that is not known here: set mqtt.tls.ca to its file',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the broker’s certificate is signed by itself: set mqtt.tls.ca to it',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'the broker’s certificate comes from a CA that is not known here: set mqtt.tls.ca to its file',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'the broker’s certificate comes from a CA that is not known here: set mqtt.tls.ca to its file',
  CERT_HAS_EXPIRED: 'the broker’s certificate has expired, or this machine’s clock is wrong',
  CERT_NOT_YET_VALID: 'the broker’s certificate is not valid yet: this machine’s clock is probably wrong',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'the broker’s certificate is for another host name: use that name in mqtt.url, or set mqtt.tls.servername',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    'the broker wants a client certificate: set mqtt.tls.cert and mqtt.tls.key to one that its CA has signed',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    'the broker refused our client certificate as expired: renew the file of mqtt.tls.cert (it is read again at each try), or set the clocks',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED:
    'the broker refused our client certificate as revoked: put a new one into the files of mqtt.tls.cert and mqtt.tls.key (they are read again at each try)',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA:
    'the broker does not know the CA of our client certificate: mqtt.tls.cert must be signed by a CA that the broker trusts',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE:
    'the broker refused our client certificate: is the one in mqtt.tls.cert meant for this broker?',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    'the broker refused our client certificate: is the one in mqtt.tls.cert meant for this broker?',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE:
    'the broker and this node have no kind of TLS in common, or it wants a client certificate: see mqtt.tls.cert',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION:
    'the broker’s TLS is too old or too new for this node, which speaks 1.2 and 1.3',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the broker’s TLS is too old for this node, which speaks 1.2 and 1.3',
  CERT_REVOKED: 'the broker’s certificate has been revoked',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the broker does not speak TLS on that port: mqtts:// usually goes to 8883',
}

const CREDENTIALS = 'the broker refused the credentials: check mqtt.username and the password'
const NOT_AUTHORISED =
  'the broker does not let this user in: check mqtt.username, the password and the broker’s access rules'
const CLIENT_ID = 'the broker refused the client id: set another mqtt.client_id'
const TAKEN_OVER = 'another client connected with our client id: give each node its own node.id or mqtt.client_id'

/** What a PUBACK or SUBACK says differently. 128 is all that MQTT 3.1.1 has for a subscription. */
const REQUEST_REASONS: Readonly<Record<number, string>> = {
  128: 'the broker refused it without saying why: perhaps its access rules do not allow this user that topic',
  135: 'the broker’s access rules do not allow this user that topic',
  143: 'the broker does not take that topic filter',
  144: 'the broker does not take that topic',
  151: 'the broker says that a quota is used up',
}

/** What a CONNACK or a DISCONNECT can say. 1 to 5 are of MQTT 3.1.1. */
const REASON_CODES: Readonly<Record<number, string>> = {
  1: 'the broker does not speak this version of MQTT',
  2: CLIENT_ID,
  3: 'the broker is not available right now',
  4: CREDENTIALS,
  5: NOT_AUTHORISED,
  128: 'the broker refused without saying why',
  129: 'the broker found a packet of ours malformed',
  130: 'the broker found a packet of ours out of place',
  132: 'the broker does not speak this version of MQTT',
  133: CLIENT_ID,
  134: CREDENTIALS,
  135: NOT_AUTHORISED,
  136: 'the broker is not available right now',
  137: 'the broker is busy',
  138: 'the broker has banned this client',
  139: 'the broker is shutting down',
  141: 'the broker had not heard from us for too long',
  142: TAKEN_OVER,
  147: 'the broker says that too many messages were under way',
  149: 'the broker says that a message was too large',
  150: 'the broker says that messages came too fast',
  151: 'the broker says that a quota is used up',
  152: 'the broker’s administrator ended the connection',
  154: 'the broker can’t retain messages',
  155: 'the broker does not support our quality of service',
  156: 'the broker wants us to use another server',
  157: 'the broker has moved to another server',
  159: 'the broker says that connections came too fast',
}

/** The connection could not be made, or ended. `code`: of MQTT where `refused`, else of the socket. */
export class ConnectionError extends Error implements Fault {
  override readonly name = 'ConnectionError'
  readonly kind: string
  /** MQTT's reason code, where the broker gave one. */
  readonly reasonCode: number | undefined
  /** It is about one message or subscription: the connection goes on, and trying again does not help. */
  readonly refused: boolean

  constructor(
    kind: string,
    message: string,
    options: ErrorOptions & { readonly reasonCode?: number; readonly refused?: boolean } = {},
  ) {
    super(message, options)
    this.kind = kind
    this.reasonCode = options.reasonCode
    this.refused = options.refused ?? false
  }

  /** The broker does not speak the protocol version that we tried. */
  get wrongVersion(): boolean {
    return this.reasonCode === 1 || this.reasonCode === 132
  }
}

/**
 * From a reason code of a CONNACK or DISCONNECT, with the broker's own words where it sent some; `refused` where it
 * came in a PUBACK or SUBACK.
 */
export function refusal(reasonCode: number, reasonString?: string, about?: 'refused'): ConnectionError {
  const refused = about === 'refused'
  const reason =
    (refused ? REQUEST_REASONS[reasonCode] : undefined) ??
    REASON_CODES[reasonCode] ??
    `the broker gave reason code ${reasonCode}`
  const words = reasonString === undefined ? '' : ` (it says: ${reasonString.slice(0, 200)})`
  return new ConnectionError(`refused-${reasonCode}`, reason + words, { reasonCode, refused })
}

/** From whatever a socket, TLS or the client library threw; one of ours stays as it is. */
export function failure(thrown: unknown): ConnectionError {
  if (thrown instanceof ConnectionError) return thrown
  const error = deepest(thrown)
  // OpenSSL 3.2, in Node.js from 22 on, calls the alerts of SSL 3.0 those of SSL/TLS.
  const code =
    'code' in error && typeof error.code === 'string'
      ? error.code.replace('_SSL/TLS_ALERT_', '_SSLV3_ALERT_')
      : undefined
  const reason = code === undefined ? undefined : SOCKET_REASONS[code]
  return new ConnectionError(code ?? 'other', reason ?? `the connection failed: ${error.message}`, { cause: thrown })
}

/** Node tries all addresses of a name and throws the failures of all: the last stands for them. */
function deepest(thrown: unknown): Error {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return deepest(thrown.errors.at(-1))
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
