/** The bytes of the configuration file as text, or why that can't be, in a person's words. */
import { isUtf8 } from 'node:buffer'
import { readFile, stat } from 'node:fs/promises'
import { ConfigError, codeOf } from '../errors.ts'

/** Far above any configuration: bytes. */
const LARGEST_FILE = 10_000_000
const NAME_ONE = 'name a configuration, such as the shipped config.yaml'

/** The whole file. @throws ConfigError where it can't be read, or is no text */
export async function readText(file: string): Promise<string> {
  let bytes: Buffer
  try {
    const status = await stat(file)
    if (status.isCharacterDevice() || status.isBlockDevice()) throw fileError(file, 'is a device', NAME_ONE)
    if (status.size > LARGEST_FILE) throw fileError(file, `is larger than ${LARGEST_FILE} bytes`, NAME_ONE)
    bytes = await readFile(file)
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw fileError(file, ...reasonOf(codeOf(error)), error)
  }
  // A byte order mark is taken off by the decoder.
  if (isUtf8(bytes)) return new TextDecoder().decode(bytes)
  throw fileError(file, 'is not text in UTF-8', 'save it again with the encoding UTF-8')
}

function reasonOf(code: string | undefined): [message: string, suggestion: string] {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return ['does not exist', 'correct the path, or copy the shipped config.yaml there']
    case 'EISDIR':
      return ['is a folder', 'name the file in it, such as config.yaml']
    case 'EACCES':
    case 'EPERM':
      return [
        'may not be read by this user',
        'make the user that runs sensor-node its owner or its group, or run as that user',
      ]
    default:
      return [`can not be read (${code ?? 'unknown reason'})`, 'look at the file and at its disk']
  }
}

function fileError(file: string, message: string, suggestion: string, cause?: unknown): ConfigError {
  return new ConfigError(file, [{ line: 1, column: 1, path: '', message, suggestion }], { cause })
}
