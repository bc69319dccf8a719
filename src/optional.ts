/**
 * Loads a package of `optionalDependencies`, and turns the ways in which that fails into one sentence with a
 * remedy. npm leaves such a package out where it can't be built, which must not stop what does not need it.
 */
import { createRequire } from 'node:module'
import { codeOf, DriverUnavailableError, messageOf } from './errors.ts'

const require = createRequire(import.meta.url)

/** Lets a test hand in a vendor's package. Returns whatever the package exports. */
export type Load = (packageName: string) => unknown

/**
 * The default loader.
 *
 * @throws DriverUnavailableError where the package is absent, not built, or built for another Node
 */
export const loadOptional: Load = (packageName) => {
  try {
    return require(packageName)
  } catch (error) {
    throw unavailable(packageName, error)
  }
}

function unavailable(packageName: string, error: unknown): DriverUnavailableError {
  const code = codeOf(error)
  const rebuild = 'run npm rebuild in the folder of sensor-node'
  if (code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND') {
    const remedy = 'install a compiler (sudo apt install build-essential python3), then run npm install again'
    return new DriverUnavailableError(packageName, 'it is not installed', remedy, { cause: error })
  }
  if (code === 'ERR_DLOPEN_FAILED') {
    const reason = `it was built for another Node.js than this ${process.version}`
    return new DriverUnavailableError(packageName, reason, rebuild, { cause: error })
  }
  // The `bindings` package throws a bare Error for an addon that was never built.
  const reason = `it does not load (${messageOf(error).split('\n')[0]})`
  return new DriverUnavailableError(packageName, reason, rebuild, { cause: error })
}
