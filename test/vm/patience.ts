/**
 * How long a test waits for what must come, ms: the bound of a hang, and far more than anything takes, as an emulated
 * processor may have to share a busy machine. No test measures speed by it.
 */
export const PATIENCE_MS = 180_000
