/** Actions of rules in the tree: where one stands alone it becomes a list of one, so that the schema knows one form. */
import { type ConfigNode, entry, items, type MapNode } from './tree.ts'

const LISTS = ['then', 'otherwise'] as const

/** Changes the tree; every place and path stays what it is in the file. */
export function listSingleActions(root: ConfigNode): void {
  for (const rule of items(entry(root, 'rules'))) {
    listSingle(rule, LISTS)
    listSingle(entry(rule, 'escalate'), ['then'])
  }
}

function listSingle(section: ConfigNode | undefined, keys: readonly string[]): void {
  if (section?.kind !== 'map') return
  for (const key of keys) {
    const single = section.entries.get(key)
    if (single?.kind === 'map') section.entries.set(key, listOf(single))
  }
}

function listOf(single: MapNode): ConfigNode {
  const { path, at, key } = single
  return { kind: 'list', path, at, key, refused: false, items: [single] }
}
