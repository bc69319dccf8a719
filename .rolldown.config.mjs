// The program as few files: on a Pi, loading many small ones costs more than anything in them. What every run needs is one
// of them; what a run may not need is a file of its own, as it is in the source: whatever is imported with `import()`.
// `build` has the compiled files as they are, for tests that look at one of them. test/budget.json holds what comes of it.
import { join } from 'node:path'

const top = import.meta.dirname

/** Of these packages another of their own files is taken: the same code, in a form of which only what is used is bundled. */
const OTHER_FILES = { yaml: join(top, 'node_modules/yaml/browser/index.js') }

/** In the place of what the program would only load, and never use. */
const STUBS = {
  // The client alone. The rest of MQTT.js opens sockets of its own (WebSocket, SOCKS proxies); ours come from dial.ts.
  mqtt: `exports.MqttClient = require('mqtt/lib/client').default`,
  // Streams as Node.js has them; the package is a copy of them for browsers and for older versions.
  'readable-stream': `module.exports = require('node:stream')`,
  // In a browser MQTT.js counts in a worker.
  'worker-timers': `module.exports = require('node:timers')`,
  // For topic aliases of our own, which we don't send.
  'lru-cache': 'exports.LRUCache = class extends Map { constructor() { super() } }',
  // The client's own trace, which DEBUG= would switch on.
  debug: 'module.exports = () => () => {}',
  // A log that is written by a thread of its own. Ours is written where it is called, all of a line before the end.
  'thread-stream': 'module.exports = undefined',
  worker_threads: 'exports.isMainThread = true',
  // For one line of the log's: whether its descriptor is a number.
  assert: 'module.exports = (claim, message) => { if (!claim) throw new Error(message) }',
  // Told to compile no schema before the first one is made: one that was made before is compiled all the same.
  zod: `import { z } from ${JSON.stringify(join(top, 'node_modules/zod/index.js'))}; z.config({ jitless: true }); export { z }`,
}

/** Parts of Node.js that take a while to load, and that many a run does without: loaded when they are first used. */
const LATE_BUILTINS = ['crypto', 'tls', 'zlib', 'readline']

/** The library of schemas: a file of its own, loaded when something is checked for the first time. */
const SCHEMAS = 'zod'
const ofSchemas = (id) => id.includes('/node_modules/zod/') || id === '\0slim:zod'

const LATE = [
  ...LATE_BUILTINS.map((name) => [`node_${name}`, `node:${name}`]),
  [`require_${SCHEMAS}`, `./${SCHEMAS}.js`],
]

const loadedLate = (code, [name, from]) =>
  code
    .replaceAll(`${name}.`, `${name}().`)
    .replace(
      new RegExp(`^(?:let|const) ${name} = require\\("${from}"\\);`, 'm'),
      `let ${name} = () => { const loaded = require("${from}"); ${name} = () => loaded; return loaded; };`,
    )

const slim = {
  name: 'slim',
  renderChunk: (code) => LATE.reduce(loadedLate, code),
  generateBundle() {
    this.emitFile({ type: 'asset', fileName: 'package.json', source: '{"type":"commonjs"}\n' })
  },
  resolveId: (id) => OTHER_FILES[id] ?? (Object.hasOwn(STUBS, id) ? `\0slim:${id}` : undefined),
  load: (id) => (id.startsWith('\0slim:') ? STUBS[id.slice(6)] : undefined),
}

const loadedWithAny = (id, graph, ...files) =>
  files.some((file) => loadedWith(join(top, `build/${file}.js`), graph).has(id))

/** What every program needs; with what the command line shares with a run, which it must not load for that. */
const ofStart = (id, graph) =>
  loadedWithAny(id, graph, 'main', 'sensors/dht-child') ||
  (loadedWithAny(id, graph, 'cli/command-line') && loadedWithAny(id, graph, 'cli/run'))

const ofAgent = (id, graph) => loadedWithAny(id, graph, 'cli/run')

/** A start whose configuration is what it was does without. */
const ofConfig = (id, graph) => loadedWithAny(id, graph, 'config/load')

/** One file of the modules that belong to it. */
const part = (name, priority, belongs) => ({
  debugName: name,
  priority,
  name: (id, graph) => (belongs(id, graph) ? name : null),
})

const known = new Map()

/** All that is loaded with a file, at once; the file, too, unless it is a program, which nobody else may run. */
function loadedWith(file, graph) {
  const loaded = known.get(file) ?? new Set()
  if (known.has(file)) return loaded
  known.set(file, loaded)
  const visit = (id) => {
    if (loaded.has(id)) return
    loaded.add(id)
    for (const next of [...(graph.getModuleInfo(id)?.importedIds ?? [])]) visit(next)
  }
  visit(file)
  if (graph.getModuleInfo(file)?.isEntry) loaded.delete(file)
  return loaded
}

export default {
  logLevel: 'warn',
  input: { main: 'build/main.js', 'dht-child': 'build/sensors/dht-child.js' },
  platform: 'node',
  // Native packages, which may be absent, load themselves (src/optional.ts). These two only a terminal or `demo` needs.
  external: ['aedes', 'pino-pretty'],
  plugins: [slim],
  output: {
    dir: 'dist',
    format: 'cjs', // Node.js loads it with less ado than ES modules
    strict: true,
    chunkFileNames: '[name].js',
    comments: false,
    // A single character beyond Latin-1 would have V8 hold the whole file with two bytes for each.
    charset: 'ascii',
    codeSplitting: {
      groups: [
        part(SCHEMAS, 4, ofSchemas),
        part('start', 3, ofStart),
        part('agent', 2, ofAgent),
        part('config', 1, ofConfig),
      ],
    },
  },
}
