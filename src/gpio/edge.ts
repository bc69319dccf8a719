/** The two ends of a pulse, logically: a rising edge is from 0 to 1, whatever the wire does. */

export const EDGES = ['rising', 'falling'] as const
export type Edge = (typeof EDGES)[number]
