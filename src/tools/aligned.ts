/** Rows of cells as lines, columns lined up by what a terminal makes of each character. Pure. */
import { cells, padTo } from './printable.ts'

/** @param right indexes of columns of numbers, which end at the same place */
export function alignedLines(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const widths: number[] = []
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cells(cell))
  return rows.map((row) =>
    row
      .map((cell, index) => {
        const width = widths[index] ?? 0
        return right.includes(index) ? ' '.repeat(Math.max(0, width - cells(cell))) + cell : padTo(cell, width)
      })
      .join('  ')
      .trimEnd(),
  )
}
