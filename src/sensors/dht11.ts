/** The sensor type `dht11`. The way to the chip is in `dht.ts`. */
import { DHT_INTERVAL_MS, DHT_MIN_INTERVAL_MS, DHT_OVERLAY, DHT_TIMEOUT_MS, dhtOptions, openDht } from './dht.ts'
import { driverOption } from './kernel-driver.ts'
import { sensorType } from './sensor.ts'

export const dht11 = sensorType({
  summary: 'DHT11 on one pin, read by the kernel’s driver or by node-dht-sensor in a process of its own',
  // dht11.c, dht11_decode: of a DHT11 only answers without decimals are understood.
  options: () =>
    dhtOptions().safeExtend({
      driver: driverOption(
        DHT_OVERLAY,
        'A DHT11 that tells decimals needs `user` and no overlay: the kernel’s driver takes its answers for garbled.',
      ),
    }),
  // Range: DHT11 datasheet, overview. No decimals: both drivers give the whole numbers only, and ±2 °C needs no more.
  measures: {
    temperature: { min: 0, max: 50, digits: 0, typical: [18, 26] },
    humidity: { min: 20, max: 90, digits: 0, typical: [35, 60] },
  },
  minIntervalMs: DHT_MIN_INTERVAL_MS,
  defaultIntervalMs: DHT_INTERVAL_MS,
  timeoutMs: DHT_TIMEOUT_MS,
  hardware: true,
  pins: ({ pin }) => [pin],
  open: (options, env) => openDht(11, options, env),
})
