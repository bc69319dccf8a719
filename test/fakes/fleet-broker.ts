/**
 * The broker of a fleet, made as the comments of deploy/mosquitto.conf say: by the very lines that stand there. Used
 * with other paths on any machine, and with the real ones in the virtual machine.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const DEPLOY = fileURLToPath(new URL('../../deploy', import.meta.url))

/** Of every account that the lines make. */
export const PASSWORD = 'correct horse'

/** What replaces the example's names and paths. */
export type Here = (text: string) => string

/** The lines to be typed. */
export function lines(): string[] {
  return commented(/^# {3}(\S.*)$/)
}

/** The configuration of the node rpi001, as the comments give it. */
export function nodeConfig(here: Here): string {
  return here(commented(/^# {5}(.*)$/).join('\n'))
}

/** Types the lines in a folder, at the prompts the password. */
export async function install(folder: string, here: Here): Promise<void> {
  for (const line of lines()) {
    const typed = here(line.replaceAll(' deploy/', ` ${DEPLOY}/`))
    const child = spawn('bash', ['-c', typed], { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] })
    const said: string[] = []
    for (const output of [child.stdout, child.stderr]) output.on('data', (text) => said.push(String(text)))
    child.stdin.on('error', () => {}) // who asks for nothing has closed it
    child.stdin.end(`${PASSWORD}\n${PASSWORD}\n`)
    const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
    if (code !== 0) throw new Error(`${typed} ended with ${code}: ${said.join('')}`)
  }
}

function commented(pattern: RegExp): string[] {
  const text = readFileSync(`${DEPLOY}/mosquitto.conf`, 'utf8')
  return text.split('\n').flatMap((line) => pattern.exec(line)?.[1] ?? [])
}
