/**
 * Exit codes of every subcommand. 78 is EX_CONFIG of sysexits(3): systemd does not restart on it. 69 is its
 * EX_UNAVAILABLE: a tool did not reach the broker, and so knows nothing. 3 is `plan`'s alone.
 */
export const EXIT = { ok: 0, failed: 1, restart: 3, unavailable: 69, config: 78 } as const
