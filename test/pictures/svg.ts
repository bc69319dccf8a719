/** A terminal's lines as an SVG: text in a window, readable on a bright page and on a dark one. Pure: same lines, same bytes. */
import type { Line, Run } from './terminal.ts'

export interface Picture {
  /** What a person would call it; it also stands in the window's bar. */
  readonly title: string
  /** For who can't see it. */
  readonly description: string
  readonly columns: number
  readonly lines: readonly Line[]
}

/** Of the text, px. A character of the usual monospaced fonts is 0.6 of its size wide. */
const FONT_SIZE = 14
const CHARACTER = FONT_SIZE * 0.6
const LINE_HEIGHT = 20
const PADDING = 18
const BAR = 36

const BACKGROUND = '#1b1f24'
const BAR_BACKGROUND = '#2a3038'
const BORDER = '#4a525c'
const TEXT = '#e4e8ec'
const DIM = '#b4bcc6'
/** The 16 colours of a terminal, each with a contrast above 4.5 to the background (WCAG 2.1, 1.4.3). */
const COLOURS = [
  ...['#9aa4af', '#ff8b82', '#7fd68a', '#f0c35a', '#82b7ff', '#d9a5f5', '#6fd3d6', '#e4e8ec'],
  ...['#b4bcc6', '#ffa8a1', '#9be6a4', '#ffd981', '#a5ccff', '#e7c3fb', '#95e4e6', '#ffffff'],
]

export function svgOf({ title, description, columns, lines }: Picture): string {
  const width = Math.ceil(columns * CHARACTER + 2 * PADDING)
  const height = BAR + 2 * PADDING + lines.length * LINE_HEIGHT - (LINE_HEIGHT - FONT_SIZE)
  const dots = [20, 40, 60].map((x) => `<circle cx="${x}" cy="${BAR / 2}" r="6" fill="${BORDER}"/>`)
  const rows = lines.flatMap((line, index) =>
    line.length === 0 ? [] : [rowOf(line, BAR + PADDING + index * LINE_HEIGHT + FONT_SIZE - 2)],
  )
  const edge = `width="${width - 1}" height="${height - 1}" rx="8"`
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title description">`,
    `<title id="title">${escaped(title)}</title>`,
    `<desc id="description">${escaped(description)}</desc>`,
    '<style>',
    `text { font: ${FONT_SIZE}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace; fill: ${TEXT}; white-space: pre; }`,
    `.bar { fill: ${DIM}; }`,
    '.bold { font-weight: bold; }',
    '</style>',
    `<rect x="0.5" y="0.5" ${edge} fill="${BACKGROUND}"/>`,
    `<path d="M0.5 ${BAR}V8.5a8 8 0 0 1 8-8h${width - 17}a8 8 0 0 1 8 8V${BAR}z" fill="${BAR_BACKGROUND}"/>`,
    `<rect x="0.5" y="0.5" ${edge} fill="none" stroke="${BORDER}"/>`,
    ...dots,
    `<text class="bar" x="${width / 2}" y="${BAR / 2 + 5}" text-anchor="middle">${escaped(title)}</text>`,
    ...rows,
    '</svg>',
  ].join('\n')}\n`
}

/** Its length is given, so that columns stay in line in a font whose characters have another width. */
function rowOf(line: Line, y: number): string {
  const text = line.map(({ text }) => text).join('')
  const length = ([...text].length * CHARACTER).toFixed(1)
  return `<text x="${PADDING}" y="${y}" xml:space="preserve" textLength="${length}">${line.map(runOf).join('')}</text>`
}

function runOf({ text, colour, bold }: Run): string {
  if (colour === undefined && bold !== true) return escaped(text)
  const look = [
    ...(bold === true ? ['class="bold"'] : []),
    ...(colour === undefined ? [] : [`style="fill: ${COLOURS[colour]}"`]),
  ]
  return `<tspan ${look.join(' ')}>${escaped(text)}</tspan>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

/** The text of a picture's terminal, a line for each; how the test reads it back. */
export function textIn(svg: string): string[] {
  return [...svg.matchAll(/<text x="[^>]*xml:space="preserve"[^>]*>(.*?)<\/text>/g)].map(([, inside = '']) =>
    inside
      .replace(/<[^>]+>/g, '')
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&quot;', '"')
      .replaceAll('&amp;', '&'),
  )
}
