/** What a package says whose native part was never built: a bare Error, without a code. */
throw new Error('Could not locate the bindings file. Tried:\n → build/Release/node_dht_sensor.node')
