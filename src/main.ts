#!/usr/bin/env node
/** The process: arguments in, exit code out. Everything else takes what it needs as an argument. */
import { runCommandLine } from './cli/command-line.ts'

process.exitCode = await runCommandLine(process.argv.slice(2))
// Native packages keep threads and descriptors that no event loop waits for; the work is done here.
process.exit()
