// The program as few files: on a Pi, loading many small ones costs more than anything in them. What a run may not need is
// a file of its own, as it is in the source: whatever is imported with `import()`. `build` has the compiled files as they
// are, for tests that look at one of them.
export default {
  logLevel: 'warn',
  input: { main: 'build/main.js', 'dht-child': 'build/sensors/dht-child.js' },
  platform: 'node',
  // Native packages, which may be absent, load themselves (src/optional.ts). These two only a terminal or `demo` needs.
  external: ['aedes', 'pino-pretty'],
  // In a browser MQTT.js counts in a worker; here it would only be loaded, and never used.
  resolve: { alias: { 'worker-timers': 'node:timers' } },
  output: { dir: 'dist', format: 'esm', chunkFileNames: '[name].js' },
}
