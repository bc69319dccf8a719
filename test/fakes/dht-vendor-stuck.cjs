/** A package that never comes back from being loaded. */
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
