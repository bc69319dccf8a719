/** Where the program lies: the folder with its package.json, a clone or what deploy/install.sh made of one. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * Its absolute path. The same for a source file, a compiled one and the bundle, which lie at different depths below it;
 * the bundle's own folder has a package.json, too.
 */
export const HOME: string = nearest(dirname(import.meta.dirname))

function nearest(folder: string): string {
  const above = dirname(folder)
  return above === folder || existsSync(join(folder, 'package.json')) ? folder : nearest(above)
}
