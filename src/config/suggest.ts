/** Did you mean: the words nearest to one that is wrong. */
import { distance } from 'fastest-levenshtein'

/** Changes that a slip of the keyboard makes in a word: one in a short word, three in a long one. */
function mostChanges({ length }: string): number {
  return length <= 3 ? 1 : length <= 7 ? 2 : 3
}

/** The candidates nearest to `word`, more than one where they are equally near; none where nothing is near. */
export function nearest(word: string, candidates: readonly string[]): string[] {
  const near = candidates
    .map((candidate) => ({ candidate, changes: changesBetween(bare(word), bare(candidate)) }))
    .filter(({ candidate, changes }) => changes <= mostChanges(candidate) && changes < candidate.length)
  const fewest = Math.min(...near.map(({ changes }) => changes))
  return near.filter(({ changes }) => changes === fewest).map(({ candidate }) => candidate)
}

/** Letters in another order are one slip, though they are two changes or more. */
function changesBetween(word: string, candidate: string): number {
  const sorted = (text: string): string => [...text].sort().join('')
  return word !== candidate && sorted(word) === sorted(candidate) ? 1 : distance(word, candidate)
}

/** `clientId` and `client-id` are `client_id`. */
function bare(word: string): string {
  return word.toLowerCase().replace(/[\s_-]/g, '')
}

export function didYouMean(words: readonly string[]): string | undefined {
  return words.length === 0 ? undefined : `did you mean ${alternatives(words)}?`
}

/** `a, b or c` */
export function alternatives(words: readonly string[]): string {
  return listed(words, 'or')
}

/** `a, b and c` */
export function enumeration(words: readonly string[]): string {
  return listed(words, 'and')
}

function listed(words: readonly string[], last: 'or' | 'and'): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`
}
