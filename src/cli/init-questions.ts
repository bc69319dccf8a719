/** The questions of `init`: each until the answer is right, by the rules of the configuration itself. */
import { type Draft, type JudgeEnv, judge, type PinAnswer, pinAnswers } from './init-draft.ts'
import { inAnswer } from './init-words.ts'

/** Somebody who answers. @throws the reason of the signal, where they would rather not */
export interface Person {
  ask(question: string): Promise<string>
  tell(line: string): void
}

/** Answers that were given as options; they are not asked for. */
export interface Given {
  readonly id?: string | undefined
  readonly url?: string | undefined
  readonly username?: string | undefined
  readonly passwordFile?: string | undefined
  readonly outputs?: readonly PinAnswer[] | undefined
  readonly inputs?: readonly PinAnswer[] | undefined
}

/** Paths of the configuration that an answer may be wrong at. */
const PATHS = {
  id: /^node\.id/,
  url: /^mqtt\.url/,
  username: /^mqtt\.username/,
  passwordFile: /^mqtt\.password_file/,
  outputs: /^gpio\.outputs/,
  inputs: /^gpio\.(inputs|outputs)/,
} as const

/** Asks for what is not given. `found`: entries that a scan proposes beside the machine itself, for a person to see. */
export async function askAll(
  person: Person,
  start: Draft,
  given: Given,
  found: readonly string[],
  env: JudgeEnv,
): Promise<Draft> {
  let draft = start
  const ask = async (
    key: keyof typeof PATHS,
    question: string,
    fallback: string,
    fill: (text: string) => Partial<Draft>,
  ): Promise<void> => {
    if (given[key] !== undefined) return
    for (;;) {
      const text = (await person.ask(`${question}${fallback === '' ? '' : ` [${fallback}]`}: `)).trim() || fallback
      const tried = { ...draft, ...fill(text) }
      const { problems } = await judge(tried, env)
      const wrong = problems.filter(({ path }) => PATHS[key].test(path))
      if (wrong.length === 0) {
        draft = tried
        return
      }
      for (const one of wrong) person.tell(`  ${inAnswer(one, tried)}`)
    }
  }

  await ask('id', 'Id of this node, a level of its topics', start.id ?? '', (id) => ({ id }))
  await ask('url', 'The broker, mqtt://host:1883, or mqtts://host:8883 for TLS', start.url, (url) => ({ url }))
  await ask('username', 'User name at the broker, nothing for none', '', (name) => ({ username: name || undefined }))
  if (draft.username !== undefined)
    await ask(
      'passwordFile',
      'File with the password, relative to the folder of the configuration; nothing for none',
      '',
      (path) => ({ passwordFile: path || undefined }),
    )
  if (found.length > 0) {
    person.tell('Found on this machine:')
    for (const line of found) person.tell(line)
    if (!(await yes(person, 'Take these sensors?'))) draft = { ...draft, sensors: draft.sensors.slice(found.length) }
  }
  await ask(
    'outputs',
    'Pins to switch, BCM numbers with names, such as 17=LED, 22=Pump; nothing for none',
    '',
    (text) => ({
      outputs: pinAnswers(text),
    }),
  )
  await ask('inputs', 'Pins to read, such as 27=Door; nothing for none', '', (text) => ({ inputs: pinAnswers(text) }))
  return draft
}

async function yes(person: Person, question: string): Promise<boolean> {
  for (;;) {
    const answer = (await person.ask(`${question} [Y/n]: `)).trim().toLowerCase()
    if (['', 'y', 'yes'].includes(answer)) return true
    if (['n', 'no'].includes(answer)) return false
    person.tell('  y or n')
  }
}
