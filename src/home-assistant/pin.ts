/** Pins: an output is a `switch` of Home Assistant, an input a `binary_sensor`, a counter two of its sensors. Pure. */
import { rateClass, totalClass } from '../config/device-classes.ts'
import type { CounterConfig, OutputConfig, StateInputConfig } from '../config/schema.ts'
import { createMeter } from '../meter.ts'
import { availability, type Component, entityName, expireAfter, type Naming, QOS, slugOf } from './component.ts'

export function outputComponent({ pin, name }: OutputConfig, naming: Naming): Component {
  const { telemetry } = naming
  return {
    key: `output.${pin}`,
    platform: 'switch',
    slug: slugOf(`gpio${pin}`),
    config: {
      name: entityName(name ?? `GPIO${pin}`, naming, `GPIO${pin}`),
      command_topic: telemetry.pinTopic(pin, 'command'),
      payload_on: 'on',
      payload_off: 'off',
      state_topic: telemetry.pinTopic(pin, 'state'),
      state_on: '1',
      state_off: '0',
      optimistic: false,
      retain: false, // a retained command is refused
      qos: QOS,
      ...availability(telemetry.nodeTopic('status')),
    },
  }
}

export function inputComponent({ pin, name, device_class }: StateInputConfig, naming: Naming): Component {
  const { telemetry } = naming
  return {
    key: `input.${pin}`,
    platform: 'binary_sensor',
    slug: slugOf(`gpio${pin}`),
    config: {
      name: entityName(name ?? `GPIO${pin}`, naming, `GPIO${pin}`),
      ...(device_class === undefined ? {} : { device_class }),
      state_topic: telemetry.pinTopic(pin, 'state'),
      payload_on: '1',
      payload_off: '0',
      qos: QOS,
      ...availability(telemetry.nodeTopic('status')),
    },
  }
}

export function counterComponents(counter: CounterConfig, naming: Naming): Component[] {
  const { pin, name = `GPIO${pin}`, interval } = counter
  const { telemetry } = naming
  const { unit, rateUnit, digits } = createMeter(counter)
  const ofTotal = totalClass(counter.device_class, unit)
  const ofRate = rateClass(ofTotal, rateUnit)
  const common = { ...availability(telemetry.nodeTopic('status')), qos: QOS }
  return [
    {
      key: `counter.${pin}.total`,
      platform: 'sensor',
      slug: slugOf(`gpio${pin}`, 'total'),
      config: {
        name: entityName(name, naming, `GPIO${pin}`),
        state_topic: telemetry.pinTopic(pin, 'total'),
        ...(ofTotal === undefined ? {} : { device_class: ofTotal }),
        ...(unit === undefined ? {} : { unit_of_measurement: unit }),
        state_class: 'total_increasing',
        suggested_display_precision: digits,
        ...common,
      },
    },
    {
      key: `counter.${pin}.rate`,
      platform: 'sensor',
      slug: slugOf(`gpio${pin}`, 'rate'),
      config: {
        name: entityName(`${name} rate`, naming, `GPIO${pin} rate`),
        state_topic: telemetry.pinTopic(pin, 'rate'),
        ...(ofRate === undefined ? {} : { device_class: ofRate }),
        ...(rateUnit === undefined ? {} : { unit_of_measurement: rateUnit }),
        state_class: 'measurement',
        expire_after: expireAfter(interval), // a total stays true
        ...common,
      },
    },
  ]
}
