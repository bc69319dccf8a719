/** A connection by MQTT 5 or, where the broker does not speak it, by 3.1.1. For tools: the agent learns more (`dialect.ts`). */
import { type Connection, type ConnectOptions, connect } from './connection.ts'
import { ConnectionError } from './mqtt-errors.ts'

export interface Either {
  readonly connection: Connection
  readonly protocol: 4 | 5
}

/**
 * Opens a connection, by 3.1.1 where the configuration or the broker wants that.
 *
 * @param known what this broker has spoken before: a cut is no reason to try less then
 * @throws ConnectionError; on abort the signal's reason
 */
export async function connectEither(
  options: Omit<ConnectOptions, 'protocol'>,
  signal: AbortSignal,
  known?: 4 | 5,
): Promise<Either> {
  const first = known ?? options.config.protocol
  const open = async (protocol: 4 | 5): Promise<Either> => ({
    connection: await connect({ ...options, protocol }, signal),
    protocol,
  })
  return open(first).catch((error: unknown) => {
    const cut = error instanceof ConnectionError && error.kind === 'closed' && known === undefined
    const older = error instanceof ConnectionError && (error.wrongVersion || cut)
    if (first === 5 && older) return open(4)
    throw error
  })
}
