/** What the node tells of itself, in `status`, `health` and `info`. All of it is diagnostic. Pure. */
import { availability, type Component, type Naming, QOS, slugOf } from './component.ts'

export function nodeComponents({ telemetry }: Naming): Component[] {
  const status = telemetry.nodeTopic('status')
  const sensor = (what: string, config: Readonly<Record<string, unknown>>): Component => ({
    key: `node.${what}`,
    platform: 'sensor',
    slug: slugOf(what),
    config: { ...config, entity_category: 'diagnostic', qos: QOS, ...availability(status) },
  })
  const health = (template: string) => ({ state_topic: telemetry.nodeTopic('health'), value_template: template })
  return [
    {
      key: 'node.connection',
      platform: 'binary_sensor',
      slug: 'connection',
      // Always available: to be offline is what it has to tell.
      config: {
        name: 'Connection',
        device_class: 'connectivity',
        state_topic: status,
        payload_on: 'online',
        payload_off: 'offline',
        entity_category: 'diagnostic',
        qos: QOS,
      },
    },
    sensor('agent_uptime', {
      name: 'Agent uptime',
      ...health('{{ value_json.uptime }}'),
      device_class: 'duration',
      unit_of_measurement: 's',
      state_class: 'measurement',
      suggested_display_precision: 0,
    }),
    sensor('records_waiting', {
      name: 'Records waiting',
      ...health('{{ value_json.outbox.depth }}'),
      state_class: 'measurement',
      suggested_display_precision: 0,
    }),
    sensor('records_dropped', {
      name: 'Records dropped',
      ...health('{{ value_json.outbox.dropped.values() | sum }}'),
      state_class: 'total_increasing',
      suggested_display_precision: 0,
    }),
    sensor('reconnects', {
      name: 'Reconnects',
      ...health('{{ value_json.reconnects }}'),
      state_class: 'total_increasing',
      suggested_display_precision: 0,
    }),
    sensor('version', {
      name: 'Version',
      state_topic: telemetry.nodeTopic('info'),
      value_template: '{{ value_json.version }}',
    }),
  ]
}
