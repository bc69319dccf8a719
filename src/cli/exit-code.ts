/**
 * Exit codes of every subcommand. 78 is EX_CONFIG of sysexits(3): systemd does not restart on it. 69 is its
 * EX_UNAVAILABLE: a tool did not reach the broker, and so knows nothing. 3 is `plan`'s alone, 4 (nobody
 * answered) and 5 (refused) are those of `gpio`.
 */
export const EXIT = { ok: 0, failed: 1, restart: 3, silent: 4, refused: 5, unavailable: 69, config: 78 } as const
