import { asList, asObject, type JsonObject } from './json.ts'

const TITLE = 'Try the simulator'

/** A value that a JSON schema of the simple kind (as in structured outputs) allows. */
export function exampleOf(schema: unknown): unknown {
  const fields = asObject(schema) ?? {}
  const choice = fields['const'] ?? asList(fields['enum'])[0]
  if (choice !== undefined) return choice
  const variants = asList(fields['anyOf'] ?? fields['oneOf'])
  if (variants.length > 0) return exampleOf(variants[0])
  const type = Array.isArray(fields['type']) ? fields['type'][0] : fields['type']
  return (EXAMPLES[String(type)] ?? text)(fields)
}

const EXAMPLES: Readonly<Record<string, (schema: JsonObject) => unknown>> = {
  object: (schema) => {
    const properties = Object.entries(asObject(schema['properties']) ?? {})
    return Object.fromEntries(properties.map(([name, property]) => [name, exampleOf(property)]))
  },
  array: (schema) => Array.from({ length: bound(schema, 'minItems', 0) }, () => exampleOf(schema['items'])),
  integer: (schema) => bound(schema, 'minimum', 0),
  number: (schema) => bound(schema, 'minimum', 0),
  boolean: () => true,
  null: () => null,
}

function text(schema: JsonObject): string {
  return TITLE.padEnd(bound(schema, 'minLength', 0), '.').slice(0, bound(schema, 'maxLength', Infinity))
}

function bound(schema: JsonObject, name: string, otherwise: number): number {
  const value = schema[name]
  return typeof value === 'number' ? value : otherwise
}
