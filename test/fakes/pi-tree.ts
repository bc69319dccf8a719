/** Parts of the device trees of Raspberry Pis, as files below `proc/device-tree`, for `machine`. */

type Files = Readonly<Record<string, string>>

/** Numbers as a property holds them: 32 bits, big-endian. Each below 128, as the files are written as text. */
export function cells(...numbers: readonly number[]): string {
  return numbers.map((number) => `\0\0\0${String.fromCharCode(number)}`).join('')
}

/** The properties of a node. */
export function node(path: string, properties: Files): Files {
  const entries = Object.entries(properties).map(([name, value]) => [`proc/device-tree/${path}/${name}`, value])
  return Object.fromEntries(entries)
}

/** The header's controller of a Pi 4, phandle 7, with the groups of its buses; and those, all disabled (bcm2711-rpi-4-b.dts). */
export const PI4: Files = {
  'proc/device-tree/model': 'Raspberry Pi 4 Model B Rev 1.4\0',
  ...node('aliases', {
    i2c1: '/soc/i2c@7e804000\0',
    spi0: '/soc/spi@7e204000\0',
    uart0: '/soc/serial@7e201000\0',
    uart1: '/soc/serial@7e215040\0',
    serial0: '/soc/serial@7e215040\0',
  }),
  ...node('soc/gpio@7e200000', { compatible: 'brcm,bcm2711-gpio\0', phandle: cells(7), '#gpio-cells': cells(2) }),
  ...node('soc/gpio@7e200000/i2c1', { phandle: cells(10), 'brcm,pins': cells(2, 3) }),
  ...node('soc/gpio@7e200000/spi0_pins', { phandle: cells(11), 'brcm,pins': cells(9, 10, 11) }),
  ...node('soc/gpio@7e200000/spi0_cs_pins', { phandle: cells(12), 'brcm,pins': cells(8, 7) }),
  ...node('soc/gpio@7e200000/uart0_pins', { phandle: cells(13), 'brcm,pins': cells(32, 33) }),
  ...node('soc/gpio@7e200000/bt_pins', { phandle: cells(14), 'brcm,pins': '-\0' }),
  ...node('soc/gpio@7e200000/uart1_pins', { phandle: cells(15), 'brcm,pins': '' }),
  ...node('soc/i2c@7e804000', { status: 'disabled\0', 'pinctrl-0': cells(10) }),
  ...node('soc/spi@7e204000', {
    status: 'disabled\0',
    'pinctrl-0': cells(11, 12),
    'cs-gpios': cells(7, 8, 1, 7, 7, 1),
  }),
  ...node('soc/serial@7e201000', { status: 'okay\0', 'pinctrl-0': cells(13, 14) }),
  ...node('soc/serial@7e215040', { status: 'disabled\0', 'pinctrl-0': cells(15) }),
  ...node('soc/firmware/gpio', {
    compatible: 'raspberrypi,firmware-gpio\0',
    phandle: cells(9),
    '#gpio-cells': cells(2),
  }),
  ...node('leds/led-act', { gpios: cells(7, 42, 0) }),
  ...node('leds/led-pwr', { gpios: cells(9, 2, 1) }),
}

const RP1 = 'axi/pcie@1000120000/rp1'

/** The same of a Pi 5: the header behind the RP1, and a controller of the processor's that has pins of the same names. */
export const PI5: Files = {
  'proc/device-tree/model': 'Raspberry Pi 5 Model B Rev 1.0\0',
  ...node('aliases', { i2c1: `/${RP1}/i2c@74000\0`, spi0: `/${RP1}/spi@50000\0`, uart0: `/${RP1}/serial@30000\0` }),
  ...node(`${RP1}/gpio@d0000`, { compatible: 'raspberrypi,rp1-gpio\0', phandle: cells(7), '#gpio-cells': cells(2) }),
  ...node(`${RP1}/gpio@d0000/rp1_i2c1_2_3`, { phandle: cells(10), pins: 'gpio2\0gpio3\0' }),
  ...node(`${RP1}/gpio@d0000/rp1_uart0_14_15`, { phandle: cells(11) }),
  ...node(`${RP1}/gpio@d0000/rp1_uart0_14_15/pin_txd`, { pins: 'gpio14\0' }),
  ...node(`${RP1}/gpio@d0000/rp1_uart0_14_15/pin_rxd`, { pins: 'gpio15\0' }),
  ...node(`${RP1}/i2c@74000`, { status: 'okay\0', 'pinctrl-0': cells(10) }),
  ...node(`${RP1}/serial@30000`, { status: 'okay\0', 'pinctrl-0': cells(11) }),
  ...node('soc/pinctrl@7d504100', { compatible: 'brcm,bcm2712-pinctrl\0' }),
  ...node('soc/pinctrl@7d504100/uarta_24_pins', { phandle: cells(20), pins: 'gpio24\0gpio25\0' }),
  ...node('soc/serial@7d050000', { status: 'okay\0', 'pinctrl-0': cells(20) }),
}
