/** The sensor type `dht22`, which is also the AM2302. The way to the chip is in `dht.ts`. */
import { DHT_INTERVAL_MS, DHT_MIN_INTERVAL_MS, DHT_TIMEOUT_MS, dhtOptions, openDht } from './dht.ts'
import { sensorType } from './sensor.ts'

export const dht22 = sensorType({
  summary: 'DHT22 or AM2302 on one pin, read by the kernel’s driver or by node-dht-sensor in a process of its own',
  options: dhtOptions,
  // Range and the resolution of 0.1: AM2302 datasheet, technical specification.
  measures: {
    temperature: { min: -40, max: 80, digits: 1, typical: [18, 26] },
    humidity: { min: 0, max: 100, digits: 1, typical: [35, 60] },
  },
  minIntervalMs: DHT_MIN_INTERVAL_MS,
  defaultIntervalMs: DHT_INTERVAL_MS,
  timeoutMs: DHT_TIMEOUT_MS,
  hardware: true,
  pins: ({ pin }) => [pin],
  open: (options, env) => openDht(22, options, env),
})
