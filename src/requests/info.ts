/** `info`: what the birth has, for whoever can't read what is retained. */
import { action, NONE } from './action.ts'

export const info = action({
  summary: 'What is it?',
  answers: 'all that `devices/<node>/info` has',
  args: NONE,
  run: (_, { about }) => about(),
})
