/**
 * The part of the schema for Home Assistant: `true`, `false`, or a section. `false`, the default, is no section at all,
 * and `true` an empty one.
 */
import { z } from 'zod'
import { text, topicPrefix } from './values.ts'

/** Home Assistant has its topics at a prefix of its own, whatever the node is called. */
const shared = topicPrefix.refine(
  (prefix) => !prefix.includes('{node}'),
  'must be the same for all nodes: without {node}',
)

const options = z.strictObject(
  {
    prefix: shared
      .default('homeassistant')
      .describe(
        'With `home_assistant: true` for all of this: where Home Assistant looks for devices (“discovery prefix” among the options of its MQTT integration).',
      ),
    status_topic: shared
      .optional()
      .describe(
        'Where Home Assistant says `online` when it starts (its “birth message”). Default: `status` below the prefix.',
      ),
    area: text
      .max(64, 'must have at most 64 characters')
      .optional()
      .describe('The area that the device is put into when Home Assistant first sees it.'),
  },
  { error: 'must be true, false, or a section with keys of its own' },
)

export const homeAssistant = z
  .preprocess((given) => (given === true ? {} : given === false ? undefined : given), options.optional())
  .meta({ orFlag: true })

/** As the program has it, the default of `status_topic` filled in. */
export interface HomeAssistantConfig {
  readonly prefix: string
  readonly status_topic: string
  readonly area?: string | undefined
}

/** Where Home Assistant announces itself. */
export function statusTopic({ prefix, status_topic: given }: NonNullable<z.output<typeof options>>): string {
  return given ?? `${prefix}/status`
}
