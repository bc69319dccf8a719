/**
 * Loads a package of `optionalDependencies`, and turns the ways in which that fails into one sentence with a
 * remedy. npm leaves such a package out where it can't be built, which must not stop what does not need it.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { codeOf, DriverUnavailableError, messageOf } from './errors.ts'
import { HOME } from './home.ts'

/** Lets a test hand in a vendor's package. Returns whatever the package exports. */
export type Load = (packageName: string) => unknown

/**
 * Those that come compiled, for every processor of a Pi. The others are compiled when they are installed, or need one
 * that is: bme280-sensor needs i2c-bus, onoff needs epoll.
 */
const READY_MADE: ReadonlySet<string> = new Set(['classic-level', 'koffi'])

/**
 * The loader of a program that lies in `home`: a clone, or what deploy/install.sh made of one, which has no lock file.
 *
 * @throws DriverUnavailableError where the package is absent, not built, or built for another Node
 */
export function createLoad(home: string): Load {
  const require = createRequire(join(home, 'package.json'))
  return (packageName) => {
    try {
      return require(packageName)
    } catch (error) {
      const missing = ['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'].includes(codeOf(error) ?? '')
      const absent = missing && !resolves(require, packageName)
      const reason = absent ? 'it is not installed' : whyNot(packageName, error)
      throw new DriverUnavailableError(packageName, reason, remedy(packageName, missing, home), { cause: error })
    }
  }
}

/** The loader of this program. @throws DriverUnavailableError */
export const loadOptional: Load = createLoad(HOME)

/** A package that is there may lack something that it needs: then it is that which is not found. */
function resolves(require: NodeJS.Require, packageName: string): boolean {
  try {
    require.resolve(packageName)
    return true
  } catch {
    return false
  }
}

function whyNot(packageName: string, error: unknown): string {
  const said = messageOf(error).split('\n')[0]
  if (codeOf(error) !== 'ERR_DLOPEN_FAILED') return `it does not load (${said})`
  const here = `this ${process.version} on ${process.arch}`
  if (READY_MADE.has(packageName)) return `its binary does not load with ${here} (${said})`
  return `it was built for another Node.js than ${here}` // Node's own words for it are a paragraph about numbers
}

/** `npm rebuild` leaves alone what npm has left out, and makes no new copy of what is damaged. */
function remedy(packageName: string, missing: boolean, home: string): string {
  if (READY_MADE.has(packageName)) return `it needs no compiler: ${inClone('npm ci --include=optional', home)}`
  const command = missing ? 'npm ci' : 'npm rebuild'
  return `install a compiler (sudo apt install build-essential python3), then ${inClone(command, home)}`
}

function inClone(command: string, home: string): string {
  return existsSync(join(home, 'package-lock.json'))
    ? `run ${command} in ${home}`
    : `run ${command} and sudo ./deploy/install.sh in the clone of sensor-node`
}
