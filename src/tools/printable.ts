/**
 * Text from anybody, made fit for a terminal: no byte of it commands the terminal, turns the direction of writing, or
 * shifts a column. Pure. Called on everything that a tool shows of what it heard.
 */

/** C0, DEL, C1; what turns the direction; what has no width; ends of lines of Unicode; halves of characters. */
const UNFIT =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]|\p{Mark}/gu
/** Two cells: East Asian wide and full-width characters, and emoji (Unicode Standard Annex 11). */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u

/** The text with U+FFFD for what is unfit, and `…` at the end where it has more than `longest` characters. */
export function printable(text: string, longest = 64): string {
  // Nothing is looked at that is not shown.
  const head = text.slice(0, 2 * longest + 2).normalize('NFC')
  const characters = [...head.replace(UNFIT, '\ufffd')]
  return characters.length <= longest ? characters.join('') : `${characters.slice(0, longest - 1).join('')}…`
}

/** Cells that it takes on a terminal. */
export function cells(text: string): number {
  let width = 0
  for (const character of text) width += WIDE.test(character) ? 2 : 1
  return width
}

/** Filled up with blanks. */
export function padTo(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - cells(text)))
}

/** As much as fits into so many cells, with `…` where something is left out. */
export function cutTo(text: string, width: number): string {
  if (cells(text) <= width) return text
  let kept = ''
  let used = 0
  for (const character of text) {
    used += cells(character)
    if (used > width - 1) break
    kept += character
  }
  return width < 1 ? '' : `${kept}…`
}

/** JSON of which no character commands a terminal either; to a program it is the same. */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(
    /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
