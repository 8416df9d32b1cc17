import { decryptFor } from './ciphertext.ts'
import { asList, asObject, asText, type JsonObject } from './json.ts'

/** What the agent does in each turn: runs a command and edits a file, searches the web, or writes a note. */
export type Agent = 'shell-and-edit' | 'web-search' | 'write-note'

/** The agent's next move: a call of one of the tools that the client offers, or its last word. */
export type Move =
  | { readonly kind: 'function_call' | 'custom_tool_call'; readonly name: string; readonly input: string }
  | { readonly kind: 'message'; readonly text: string }

const QUERY = 'what is new in Node.js'
const FILE = 'note.txt'
const COMMAND = `echo hello > ${FILE} && cat ${FILE}`
const PATCH = `*** Begin Patch
*** Update File: ${FILE}
@@
-hello
+hello, world
*** End Patch
`
/** Of each output, when it is compacted. */
const REMEMBERED_CHARACTERS = 2_000

/** The same edit for clients that offer no patch tool. */
const EDIT_COMMAND = `echo 'hello, world' > ${FILE} && cat ${FILE}`

/** The shell reads the note as it stands, up to a line that no note has. */
const noteCommand = (note: string): string => `cat > ${FILE} <<'END OF NOTE'\n${note}\nEND OF NOTE\n`

/** How clients call their shell tool, by version, and what its arguments look like. */
const SHELL_TOOLS: Readonly<Record<string, (command: string) => JsonObject>> = {
  exec_command: (cmd) => ({ cmd }),
  shell_command: (command) => ({ command }),
  shell: (command) => ({ command: ['bash', '-lc', command] }),
}

/**
 * Plays a coding agent through one turn: does what it is to do, then quotes what it saw.
 *
 * Keeps no memory: which move is next shows from the tool outputs since the last user message, and
 * from what a compaction of them has kept.
 * Undefined when the request offers no tool that the agent knows, or when it has written its note: then it answers as
 * it would without tools.
 */
export function nextMove(body: JsonObject, organization: string, agent: Agent, note: () => string): Move | undefined {
  const tools = toolsOf(body)
  const outputs = outputsOfTurn(body, organization)
  if (agent === 'write-note') return outputs.length === 0 ? run(noteCommand(note()), tools) : undefined
  const moves = agent === 'web-search' ? searching(tools) : tools.has('exec') ? scripted() : withTools(tools)
  if (moves === undefined) return undefined
  return moves[outputs.length] ?? { kind: 'message', text: `${DONE[agent]} ${lastWord(outputs)}` }
}

const DONE: Readonly<Record<Exclude<Agent, 'write-note'>, string>> = {
  'shell-and-edit': `I ran a command and edited ${FILE}.`,
  'web-search': 'I searched the web.',
}

/** Clients of lite models offer one tool that runs JavaScript, which calls all the others. */
function scripted(): readonly Move[] {
  const edit = `await tools.apply_patch(${JSON.stringify(PATCH)})\nconst result = await tools.exec_command({ cmd: "cat ${FILE}" })\ntext(result.output)\n`
  return [runScripted(COMMAND), { kind: 'custom_tool_call', name: 'exec', input: edit }]
}

function runScripted(command: string): Move {
  const input = `const result = await tools.exec_command({ cmd: ${JSON.stringify(command)} })\ntext(result.output)\n`
  return { kind: 'custom_tool_call', name: 'exec', input }
}

/** Only lite models search by a tool of the client's, which takes the search to the API. */
function searching(tools: ReadonlyMap<string, string>): readonly Move[] | undefined {
  if (!tools.has('exec')) return undefined
  const input = `const found = await tools.web__run({ search_query: [{ q: ${JSON.stringify(QUERY)} }] })\ntext(found)\n`
  return [{ kind: 'custom_tool_call', name: 'exec', input }]
}

function withTools(tools: ReadonlyMap<string, string>): readonly Move[] | undefined {
  const [first, again] = [runByShell(COMMAND, tools), runByShell(EDIT_COMMAND, tools)]
  if (first === undefined || again === undefined) return undefined
  const patch: Move = { kind: 'custom_tool_call', name: 'apply_patch', input: PATCH }
  return [first, tools.get('apply_patch') === 'custom' ? patch : again]
}

function run(command: string, tools: ReadonlyMap<string, string>): Move | undefined {
  return tools.has('exec') ? runScripted(command) : runByShell(command, tools)
}

function runByShell(command: string, tools: ReadonlyMap<string, string>): Move | undefined {
  const [name, argumentsFor] = Object.entries(SHELL_TOOLS).find(([tool]) => tools.has(tool)) ?? []
  if (name === undefined || argumentsFor === undefined) return undefined
  return { kind: 'function_call', name, input: JSON.stringify(argumentsFor(command)) }
}

/** The type of every tool by its name: those of the request, and those which lite models find in the input. */
function toolsOf(body: JsonObject): ReadonlyMap<string, string> {
  const additional = asList(body['input'])
    .map(asObject)
    .filter((item) => item?.['type'] === 'additional_tools')
    .flatMap((item) => asList(item?.['tools']))
  const tools = new Map<string, string>()
  const offered = [...asList(body['tools']), ...additional].map(asObject)
  const inside = offered.flatMap((tool) => asList(tool?.['tools']).map(asObject))
  for (const tool of [...offered, ...inside]) {
    const [name, type] = [asText(tool?.['name']), asText(tool?.['type'])]
    if (name !== undefined && type !== undefined) tools.set(name, type)
  }
  return tools
}

/** What a compaction keeps for the agent, so that it does not start over. */
export function memoryOf(body: JsonObject, organization: string): string {
  const outputs = outputsOfTurn(body, organization)
  return JSON.stringify(outputs.map((output) => output.slice(0, REMEMBERED_CHARACTERS)))
}

/** The tool outputs since the last user message, those that were compacted first. */
function outputsOfTurn(body: JsonObject, organization: string): readonly string[] {
  const items = asList(body['input']).map(asObject)
  const asked = items.findLastIndex((item) => item?.['role'] === 'user')
  return items.slice(asked + 1).flatMap((item) => {
    switch (item?.['type']) {
      case 'function_call_output':
      case 'custom_tool_call_output':
        return [textOfOutput(item['output'])]
      case 'compaction':
        return remembered(asText(item['encrypted_content']) ?? '', organization)
      default:
        return []
    }
  })
}

function remembered(ciphertext: string, organization: string): readonly string[] {
  const outputs: unknown = JSON.parse(decryptFor(organization, ciphertext) ?? '[]')
  return asList(outputs).filter((output) => typeof output === 'string')
}

function textOfOutput(output: unknown): string {
  if (typeof output === 'string') return output
  const parts = asList(output).map((part) => asText(asObject(part)?.['text']))
  return parts.filter((text) => text !== undefined).join('\n')
}

function lastWord(outputs: readonly string[]): string {
  const quoted = outputs.map((output) => `> ${output.trim().replaceAll('\n', '\n> ')}`)
  return `The tools said:\n\n${quoted.join('\n\n')}\n`
}
