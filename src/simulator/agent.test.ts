import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { memoryOf, nextMove, type Agent, type Move } from './agent.ts'
import { encryptFor } from './ciphertext.ts'
import type { JsonObject } from './json.ts'
import { at } from './test-client.ts'

const asked = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'go' }] }
const output = { type: 'function_call_output', call_id: 'c', output: 'hello\nthere' }
const patched = { type: 'custom_tool_call_output', call_id: 'd', output: [{ type: 'input_text', text: 'done' }] }
const classic = [
  { type: 'function', name: 'exec_command' },
  { type: 'custom', name: 'apply_patch' },
]
const lite = {
  type: 'additional_tools',
  tools: [{ type: 'namespace', name: 'functions', tools: [{ type: 'custom', name: 'exec' }] }],
}

function next(body: JsonObject, agent: Agent = 'shell-and-edit'): Move | undefined {
  return nextMove(body, 'org', agent, () => 'a "note"')
}

suite('the agent', () => {
  test('runs a command, edits with the patch tool, then quotes what it saw', () => {
    const first = next({ tools: classic, input: [asked] })
    deepEqual([first?.kind, at(first, 'name')], ['function_call', 'exec_command'])
    match(String(at(first, 'input')), /^\{"cmd":"echo hello/)
    const second = next({ tools: classic, input: [asked, output] })
    deepEqual([second?.kind, at(second, 'name')], ['custom_tool_call', 'apply_patch'])
    match(String(at(second, 'input')), /^\*\*\* Begin Patch\n\*\*\* Update File/)
    const last = next({ tools: classic, input: [asked, output, patched] })
    match(String(at(last, 'text')), /> hello\n> there\n\n> done/)
  })

  test('starts anew with the next thing it is asked', () => {
    equal(next({ tools: classic, input: [asked, output, patched, asked] })?.kind, 'function_call')
  })

  test('writes JavaScript for lite models, whose tools stand in the input', () => {
    const first = next({ input: [lite, asked] })
    deepEqual([first?.kind, at(first, 'name')], ['custom_tool_call', 'exec'])
    match(String(at(first, 'input')), /^const result = await tools\.exec_command\(/)
    match(String(at(next({ input: [lite, asked, output] }), 'input')), /await tools\.apply_patch\(/)
  })

  test('speaks the dialect of older shell tools, and edits with them where there is no patch tool', () => {
    const shell = [{ type: 'function', name: 'shell' }]
    match(String(at(next({ tools: shell, input: [asked] }), 'input')), /^\{"command":\["bash","-lc",/)
    equal(at(next({ tools: shell, input: [asked, output] }), 'name'), 'shell')
    const command = [{ type: 'function', name: 'shell_command' }]
    match(String(at(next({ tools: command, input: [asked] }), 'input')), /^\{"command":"echo/)
  })

  test('goes on after a compaction in the middle of its turn', () => {
    const kept = memoryOf({ input: [asked, output] }, 'org')
    const compaction = { type: 'compaction', encrypted_content: encryptFor('org', kept) }
    equal(at(next({ tools: classic, input: [asked, compaction] }), 'name'), 'apply_patch')
    const last = next({ tools: classic, input: [asked, compaction, patched] })
    match(String(at(last, 'text')), /> hello\n> there\n\n> done/)
    equal(at(next({ tools: classic, input: [compaction, asked] }), 'name'), 'exec_command')
  })

  test('searches the web for lite models, then quotes what it found', () => {
    const first = next({ input: [lite, asked] }, 'web-search')
    match(String(at(first, 'input')), /^const found = await tools\.web__run\(\{ search_query: \[\{ q: /)
    match(String(at(next({ input: [lite, asked, output] }, 'web-search'), 'text')), /searched the web.*\n\n> hello/)
    equal(next({ tools: classic, input: [asked] }, 'web-search'), undefined)
  })

  test('writes a note by a command, then has nothing more to do', () => {
    const first = next({ tools: classic, input: [asked] }, 'write-note')
    deepEqual([first?.kind, at(first, 'name')], ['function_call', 'exec_command'])
    const command = `cat > note.txt <<'END OF NOTE'\na "note"\nEND OF NOTE\n`
    deepEqual(JSON.parse(String(at(first, 'input'))), { cmd: command })
    equal(next({ tools: classic, input: [asked, output] }, 'write-note'), undefined)
    const scripted = String(at(next({ input: [lite, asked] }, 'write-note'), 'input'))
    match(scripted, /^const result = await tools\.exec_command\(\{ cmd: "cat > note/)
    equal(next({ input: [asked] }, 'write-note'), undefined)
  })

  test('has no move where no tool is offered', () => {
    equal(next({ input: 'hi' }), undefined)
    equal(next({ tools: [{ type: 'web_search' }], input: [asked] }), undefined)
  })
})
