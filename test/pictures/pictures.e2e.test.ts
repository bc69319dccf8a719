/** The pictures of the documents are what the commands show today. `npm run pictures` makes them anew. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { describeWith } from '../fakes/tools.ts'
import { photograph, SCENES } from './scenes.ts'
import { svgOf, textIn } from './svg.ts'
import { plain } from './terminal.ts'

const FOLDER = fileURLToPath(new URL('../../docs/pictures/', import.meta.url))
const SCENE_MS = 60_000

const svgNamed = (name: string): string => readFileSync(`${FOLDER}${name}.svg`, 'utf8')

describe('a picture', () => {
  it.each(SCENES)('of $name is a whole XML document, and takes nothing from elsewhere', ({ name, title }) => {
    const svg = svgNamed(name)
    expect(unclosedIn(svg)).toEqual([])
    expect(svg).not.toMatch(/<script|<image|<foreignObject|href|url\(|@import| on\w+=/)
    expect(svg.match(/http[^"]*/g)).toEqual(['http://www.w3.org/2000/svg'])
    expect(svg).toMatch(
      new RegExp(`^<svg [^>]*role="img"[^>]*>\\n<title id="title">${title}</title>\\n<desc id="description">.+</desc>`),
    )
  })

  it('shows text as text, whatever it is', () => {
    const text = '<b> & "quoted" \u2026 &lt;'
    const svg = svgOf({ title: text, description: text, columns: 40, lines: [[], [{ text, colour: 1, bold: true }]] })
    expect(unclosedIn(svg)).toEqual([])
    expect(textIn(svg)).toEqual([text])
    expect(svg).not.toContain('<b>')
  })

  it.each(['<a><b></a>', '<a>', '</a>', 'a < b', '<a>&nbsp;</a>', '<a x=1/>'])('could be broken: %s', (broken) => {
    expect(unclosedIn(broken)).not.toEqual([])
  })
})

/** What keeps a text from being a well-formed document, as far as a picture goes. */
function unclosedIn(xml: string): string[] {
  const open: string[] = []
  const wrong: string[] = []
  const rest = xml.replace(
    /<(\/?)([a-z]+)((?: [a-zA-Z:]+(?:-[a-z]+)?="[^"<]*")*)(\/?)>/g,
    (_, end, name, __, empty) => {
      if (end === '/' && open.pop() !== name) wrong.push(`</${name}>`)
      if (end === '' && empty === '') open.push(name)
      return ''
    },
  )
  const stray = rest.match(/[<>]|&(?!(?:amp|lt|gt|quot);)/g) ?? []
  return [...wrong, ...open, ...stray]
}

describeWith(['script', 'bash'], 'the pictures', () => {
  it.each(SCENES)('$name is what the command shows', { timeout: SCENE_MS }, async (scene) => {
    const picture = await photograph(scene)
    if (process.env.SENSOR_NODE_WRITE === 'pictures') {
      mkdirSync(FOLDER, { recursive: true })
      writeFileSync(`${FOLDER}${scene.name}.svg`, svgOf(picture))
    }
    const shown = plain(picture.lines).split('\n')
    expect(textIn(svgNamed(scene.name))).toEqual(shown.filter((line) => line !== ''))
    expect(svgNamed(scene.name)).toBe(svgOf(picture))
    // Nothing is cut at the edge of the window.
    for (const line of shown) expect(line.length).toBeLessThanOrEqual(scene.columns)
  })
})
