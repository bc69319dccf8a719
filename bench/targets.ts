/**
 * Where the agent must get, with its whole feature set: each figure over the bare script's in the same round, on the same
 * Node.js. A target that is missed is told with its cause, never met by dropping a feature or a check.
 */

export interface Target {
  readonly suite: string
  readonly figure: string
  /** Undefined: the figure itself is held to the target, not its ratio to the bare script. */
  readonly to: 'bare' | undefined
  /** A ratio that is more than the target misses it; where more is better, one that is less. */
  readonly better: 'less' | 'more'
  readonly target: number
  readonly stretch?: number
  /** Major versions of Node.js that it is for; default: all. */
  readonly nodes?: readonly [first: number, last: number]
}

const less = { to: 'bare', better: 'less' } as const
const ANY_LATER = 999

export const TARGETS: readonly Target[] = [
  { suite: 'start', figure: 'cpu_online_ms', ...less, target: 0.6, stretch: 0.5, nodes: [20, 21] },
  { suite: 'start', figure: 'cpu_online_ms', ...less, target: 0.35, stretch: 0.28, nodes: [22, ANY_LATER] },
  { suite: 'idle', figure: 'pss_mb', ...less, target: 0.82, stretch: 0.75 },
  { suite: 'idle', figure: 'anonymous_mb', ...less, target: 0.7, stretch: 0.55 },
  { suite: 'idle', figure: 'cpu_ms_per_minute', ...less, target: 1.5, stretch: 1.1 },
  { suite: 'telemetry', figure: 'json_rss_mb', ...less, target: 0.75, stretch: 0.66 },
  { suite: 'telemetry', figure: 'both_rss_mb', ...less, target: 0.75, stretch: 0.66 },
  { suite: 'telemetry', figure: 'json_cpu_us', ...less, target: 1.3, stretch: 1.1 },
  { suite: 'telemetry', figure: 'both_cpu_us', ...less, target: 1.3, stretch: 1.1 },
  { suite: 'command', figure: 'p50_us', ...less, target: 1.1, stretch: 1 },
  { suite: 'command', figure: 'cpu_us', ...less, target: 1.2, stretch: 1 },
  { suite: 'ceiling', figure: 'readings_per_s', to: 'bare', better: 'more', target: 0.7, stretch: 0.9 },
  // Growth after the warm-up over how far a collection moves the memory: within that it is none.
  { suite: 'soak', figure: 'growth_over_noise', to: undefined, better: 'less', target: 1 },
  // Over the p50 of a command to the same process.
  { suite: 'edge', figure: 'over_command', to: undefined, better: 'less', target: 1.5 },
]

/** What is asked of a figure on a Node.js of this major version. */
export function targetOf(suite: string, figure: string, major: number): Target | undefined {
  return TARGETS.find(
    (one) =>
      one.suite === suite &&
      one.figure === figure &&
      (one.nodes === undefined || (one.nodes[0] <= major && major <= one.nodes[1])),
  )
}

/** In words. A ratio of NaN, of rounds that told nothing, is not known. */
export function verdict({ better, target, stretch }: Target, value: number): string {
  if (Number.isNaN(value)) return 'not known'
  const within = (limit: number): boolean => (better === 'less' ? value <= limit : value >= limit)
  if (stretch !== undefined && within(stretch)) return 'met, stretch too'
  return within(target) ? 'met' : 'MISSED'
}
