/** The registry: a suite is a file in suites/ and a line here. In the order in which they run. */
import type { Suite } from './suite.ts'
import { start } from './suites/start.ts'

export const SUITES: readonly Suite[] = [start]
