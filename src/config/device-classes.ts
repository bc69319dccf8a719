/**
 * What Home Assistant can call an input: its device classes, and the units that go with them. From home-assistant/core:
 * components/binary_sensor/__init__.py at 027590d9 (BinarySensorDeviceClass), components/sensor/const.py at 00eb6680
 * (DEVICE_CLASS_UNITS, DEVICE_CLASS_STATE_CLASSES). Home Assistant refuses an entity whose unit is not of its class, so
 * that only units are here that it has had for years.
 */

/** Of an input that is on or off. */
export const STATE_CLASSES = [
  ...['battery', 'battery_charging', 'carbon_monoxide', 'cold', 'connectivity', 'door', 'garage_door', 'gas', 'heat'],
  ...['light', 'lock', 'moisture', 'motion', 'moving', 'occupancy', 'opening', 'plug', 'power', 'presence', 'problem'],
  ...['running', 'safety', 'smoke', 'sound', 'tamper', 'update', 'vibration', 'window'],
] as const

const ENERGY = ['Wh', 'kWh', 'MWh', 'MJ', 'GJ']
const GAS = ['m³', 'ft³', 'CCF']
const VOLUME = ['mL', 'L', 'm³', 'ft³', 'CCF', 'fl. oz.', 'gal']

/** Of what a counter adds up, with the units of the total: all that may only grow. */
export const TOTAL_CLASSES: Readonly<Record<string, readonly string[]>> = {
  energy: ENERGY,
  gas: GAS,
  precipitation: ['mm', 'cm', 'in'],
  volume: VOLUME,
  water: ['m³', 'L', 'ft³', 'CCF', 'gal'],
}

const FLOW = ['m³/h', 'L/min', 'mL/s', 'ft³/min', 'gal/min']

/** Of how fast a total grows, with the units of the rate. */
const RATE_CLASSES: Readonly<Record<string, { readonly name: string; readonly units: readonly string[] }>> = {
  energy: { name: 'power', units: ['W', 'kW'] },
  gas: { name: 'volume_flow_rate', units: FLOW },
  precipitation: { name: 'precipitation_intensity', units: ['mm/h', 'mm/d', 'in/h', 'in/d'] },
  volume: { name: 'volume_flow_rate', units: FLOW },
  water: { name: 'volume_flow_rate', units: FLOW },
}

/** The units that energy, and nothing else, is counted in. */
const PLAINLY_ENERGY = ['Wh', 'kWh', 'MWh']

/** Of a total: the one that the configuration names, or the one that its unit leaves no doubt of. */
export function totalClass(given: string | undefined, unit: string | undefined): string | undefined {
  return given ?? (unit !== undefined && PLAINLY_ENERGY.includes(unit) ? 'energy' : undefined)
}

/** Of the rate beside a total of that class; undefined where its unit is none that Home Assistant has for it. */
export function rateClass(ofTotal: string | undefined, unit: string | undefined): string | undefined {
  const found = ofTotal === undefined ? undefined : RATE_CLASSES[ofTotal]
  return found !== undefined && unit !== undefined && found.units.includes(unit) ? found.name : undefined
}
