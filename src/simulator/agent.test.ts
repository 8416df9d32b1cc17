import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { nextMove } from './agent.ts'
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

suite('the agent', () => {
  test('runs a command, edits with the patch tool, then quotes what it saw', () => {
    const first = nextMove({ tools: classic, input: [asked] })
    deepEqual([first?.kind, at(first, 'name')], ['function_call', 'exec_command'])
    match(String(at(first, 'input')), /^\{"cmd":"echo hello/)
    const second = nextMove({ tools: classic, input: [asked, output] })
    deepEqual([second?.kind, at(second, 'name')], ['custom_tool_call', 'apply_patch'])
    match(String(at(second, 'input')), /^\*\*\* Begin Patch\n\*\*\* Update File/)
    const last = nextMove({ tools: classic, input: [asked, output, patched] })
    match(String(at(last, 'text')), /> hello\n> there\n\n> done/)
  })

  test('starts anew with the next thing it is asked', () => {
    equal(nextMove({ tools: classic, input: [asked, output, patched, asked] })?.kind, 'function_call')
  })

  test('writes JavaScript for lite models, whose tools stand in the input', () => {
    const first = nextMove({ input: [lite, asked] })
    deepEqual([first?.kind, at(first, 'name')], ['custom_tool_call', 'exec'])
    match(String(at(first, 'input')), /^const result = await tools\.exec_command\(/)
    match(String(at(nextMove({ input: [lite, asked, output] }), 'input')), /await tools\.apply_patch\(/)
  })

  test('speaks the dialect of older shell tools, and edits with them where there is no patch tool', () => {
    const shell = [{ type: 'function', name: 'shell' }]
    match(String(at(nextMove({ tools: shell, input: [asked] }), 'input')), /^\{"command":\["bash","-lc",/)
    equal(at(nextMove({ tools: shell, input: [asked, output] }), 'name'), 'shell')
    const command = [{ type: 'function', name: 'shell_command' }]
    match(String(at(nextMove({ tools: command, input: [asked] }), 'input')), /^\{"command":"echo/)
  })

  test('has no move where no tool is offered', () => {
    equal(nextMove({ input: 'hi' }), undefined)
    equal(nextMove({ tools: [{ type: 'web_search' }], input: [asked] }), undefined)
  })
})
