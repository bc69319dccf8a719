/**
 * How long a test waits for what must come, ms: the bound of a hang, and far more than anything takes, as the
 * machine may have to share a busy host. No test measures speed by it.
 */
export const PATIENCE_MS = 180_000
