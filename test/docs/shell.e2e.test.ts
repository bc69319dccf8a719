/**
 * Every shell line of the documents that can run without a Pi does what they say, with the built agent and a real
 * Mosquitto. One that can't says why in a comment before its block: `<!-- not run: needs root -->`.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { describeWith } from '../fakes/tools.ts'
import { type Block, blocksOf, PAGES, placeOf } from './documents.ts'
import { matches, runPage } from './page.ts'

const run = promisify(execFile)

/** What a line may need that no test has. */
const REASONS = [
  'needs root',
  'needs a Pi',
  'needs the service',
  'needs Home Assistant',
  'needs other software',
  'needs a second machine',
  'asks questions',
  'an agent runs already', // the page's own
  'run by another test', // recipes.e2e.test.ts
  'installs packages',
]
/** Of one document, ms. */
const PAGE_MS = 120_000

const pages = PAGES.map((file) => ({ file, blocks: blocksOf(file) }))
const shell = pages.flatMap(({ blocks }) => blocks.filter(({ language }) => language === 'sh'))

describe('the shell blocks of the documents', () => {
  it('are called sh, and those that are not run say why, in words that are known', () => {
    const other = pages.flatMap(({ blocks }) => blocks.filter(({ language }) => /^(bash|shell|zsh|)$/.test(language)))
    expect(other.map(placeOf)).toEqual([])
    const unknown = shell.filter(({ marks }) => !REASONS.includes(marks.get('not run') ?? 'needs root'))
    expect(unknown.map((block) => `${placeOf(block)}: ${block.marks.get('not run')}`)).toEqual([])
  })

  it('are shell, also where they are not run', async () => {
    const wrong = await Promise.all(
      shell.map((block) =>
        run('bash', ['-n', '-c', block.text]).then(
          () => [],
          ({ stderr }: { stderr: string }) => [`${placeOf(block)}: ${stderr}`],
        ),
      ),
    )
    expect(wrong.flat()).toEqual([])
  })

  it('are run, most of them', () => {
    expect(shell.filter(({ marks }) => !marks.has('not run')).length).toBeGreaterThan(10)
  })
})

describe('what is printed below a block', () => {
  it.each([
    ['1\n', '1\n', true],
    ['1\n2\n', '1\n', false],
    ['a 12 ms b\nc\n', 'a … ms b\nc\n', true],
    ['a\nb\nc\n', 'a\n…\nc\n', true],
    ['1.5', '1…', true],
    ['105', '1.5', false],
  ])('%j is %j: %j', (output, printed, same) => expect(matches(output, printed)).toBe(same))
})

describeWith(
  ['mosquitto', 'mosquitto_pub', 'mosquitto_sub', 'mosquitto_rr', 'stdbuf'],
  'the shell lines of a document',
  () => {
    const runnable = ({ language, marks }: Block): boolean => language === 'sh' && !marks.has('not run')
    // Side by side: each has a folder, a broker and an agent of its own, and mostly waits for them.
    it.concurrent.each(pages.filter(({ blocks }) => blocks.some(runnable)))(
      'do what they say: $file',
      ({ blocks }) => runAndClean(blocks),
      PAGE_MS,
    )

    it.concurrent.each([
      ['a line that fails', '```sh\ntrue\nfalse\n```\n', 'made-up.md:3: exits 1, not 0'],
      ['a line that should fail', '<!-- exits 5 -->\n```sh\ntrue\n```\n', 'exits 0, not 5'],
      ['another output', '```sh\necho 1\n```\n\n```text\n2\n```\n', 'made-up.md:5: this does not come out, but:\n1'],
      ['what is never heard', '```sh\nmosquitto_sub -t no/such/topic\n```\n', 'made-up.md:2: exits 27, not 0'],
      ['what the node refuses', '```sh\nsensor-node gpio 5 on\n```\n', 'made-up.md:2: exits 5, not 0'],
      [
        'an agent that does not come up',
        '<!-- file: config.yaml -->\n```yaml\nsensors: []\n```\n```sh\nsensor-node check\n```\n',
        'config.yaml:1:1: there is nothing to do',
      ],
    ])(
      'are refused for %s',
      async (_, text, message) => {
        await expect(runAndClean(blocksOf('made-up.md', text))).rejects.toThrow(message)
      },
      PAGE_MS,
    )
  },
)

async function runAndClean(blocks: readonly Block[]): Promise<void> {
  const cleanups: (() => unknown)[] = []
  try {
    await runPage(blocks, cleanups)
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup()
  }
}
