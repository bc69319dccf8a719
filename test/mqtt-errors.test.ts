import { describe, expect, it } from 'vitest'
import { ConnectionError, failure, refusal } from '../src/mqtt-errors.ts'

const coded = (code: string, message = 'as the library says'): Error => Object.assign(new Error(message), { code })

describe('a connection that fails', () => {
  it.each([
    ['ECONNREFUSED', 'nothing listens at that address'],
    ['ENOTFOUND', 'that host name is not known'],
    ['EAI_AGAIN', 'is the network up?'],
    ['EHOSTUNREACH', 'there is no way to that host'],
    ['ETIMEDOUT', 'the host does not answer'],
    ['ECONNRESET', 'the broker cut the connection'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'mqtt.tls.ca'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'mqtt.tls.ca'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'mqtt.tls.ca'],
    ['CERT_HAS_EXPIRED', 'this machine’s clock'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'mqtt.tls.servername'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', '8883'],
  ])('with %s is told in a person’s words, with its cause', (code, words) => {
    const thrown = coded(code)
    const error = failure(thrown)
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error).toMatchObject({ kind: code, reasonCode: undefined, cause: thrown })
    expect(error.message).toContain(words)
    expect(error.message).not.toContain('as the library says')
  })

  it('on every address of a name is told by the last of them', () => {
    const all = Object.assign(new AggregateError([coded('EHOSTUNREACH'), coded('ECONNREFUSED')]), {
      code: 'ENETUNREACH',
    })
    expect(failure(all).kind).toBe('ECONNREFUSED')
    expect(failure(new AggregateError([new AggregateError([coded('ETIMEDOUT')])])).kind).toBe('ETIMEDOUT')
    expect(failure(new AggregateError([], 'nothing in it')).message).toBe('the connection failed: nothing in it')
  })

  it.each<[string, unknown, string, string]>([
    ['with a code that nobody has explained', coded('EWHAT', 'odd'), 'EWHAT', 'the connection failed: odd'],
    [
      'with a code that is a number',
      Object.assign(new Error('odd'), { code: 5 }),
      'other',
      'the connection failed: odd',
    ],
    ['without a code', new Error('odd'), 'other', 'the connection failed: odd'],
    ['with a string', 'odd', 'other', 'the connection failed: odd'],
    ['with nothing', undefined, 'other', 'the connection failed: undefined'],
  ])('%s says what there is to say', (_, thrown, kind, message) => {
    expect(failure(thrown)).toMatchObject({ kind, message })
  })

  it('that was explained already stays as it is', () => {
    const explained = refusal(135)
    expect(failure(explained)).toBe(explained)
  })
})

describe('a refusal', () => {
  it.each([
    [1, 'does not speak this version'],
    [2, 'mqtt.client_id'],
    [4, 'the password'],
    [5, 'access rules'],
    [132, 'does not speak this version'],
    [133, 'mqtt.client_id'],
    [134, 'the password'],
    [135, 'access rules'],
    [142, 'another client connected with our client id'],
    [128, 'without saying why'],
    [200, 'the broker gave reason code 200'],
  ])('with code %i is told in a person’s words', (code, words) => {
    const error = refusal(code)
    expect(error.message).toContain(words)
    expect(error).toMatchObject({ kind: `refused-${code}`, reasonCode: code })
  })

  it('has the broker’s own words, as many as are bearable', () => {
    expect(refusal(151, 'ask again tomorrow').message).toBe(
      'the broker says that a quota is used up (it says: ask again tomorrow)',
    )
    expect(refusal(151, 'x'.repeat(60_000)).message.length).toBeLessThan(300)
  })

  it.each([
    [1, true],
    [132, true],
    [5, false],
    [134, false],
    [0, false],
  ])('with code %i is about the version of the protocol: %s', (code, wrongVersion) => {
    expect(refusal(code).wrongVersion).toBe(wrongVersion)
  })
})
