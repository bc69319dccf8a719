/**
 * What is made when it is first asked for, and once. For schemas, above all: most starts check nothing that needs one, and
 * the library of them takes longer to load than anything else of the program.
 */
export function late<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
