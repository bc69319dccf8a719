/** The registry: a suite is a file in suites/ and a line here. In the order in which they run. */
import type { Suite } from './suite.ts'
import { ceiling } from './suites/ceiling.ts'
import { command } from './suites/command.ts'
import { edge } from './suites/edge.ts'
import { idle } from './suites/idle.ts'
import { outbox } from './suites/outbox.ts'
import { soak } from './suites/soak.ts'
import { start } from './suites/start.ts'
import { telemetry } from './suites/telemetry.ts'

export const SUITES: readonly Suite[] = [start, command, edge, telemetry, idle, ceiling, outbox, soak]
