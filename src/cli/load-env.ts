/** What a configuration may take from this process and this machine. */
import { hostname } from 'node:os'
import type { LoadEnv } from '../config/loaded.ts'
import { findOverlays } from '../overlays.ts'

/** What the configuration may take from this process. */
export function loadEnv(): LoadEnv {
  return { env: process.env, hostname: hostname() }
}

/** The same, with what this machine's kernel has given its pins to; nothing of a simulated node is on them. `root` stands for `/`. */
export async function loadEnvHere(simulate: boolean, root = '/'): Promise<LoadEnv> {
  return simulate ? loadEnv() : { ...loadEnv(), overlays: await findOverlays(root) }
}
