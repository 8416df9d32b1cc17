import { resolve } from 'node:path'
import { openEngine, type EngineOptions } from './engine.ts'
import type { Executor } from './executor.ts'
import { errorOf, type Fault } from './fault.ts'
import { monotonicMs, runGroup } from './group.ts'
import type { Input, OperationName, Output } from './operations.ts'

/**
 * Carries out the operations in the caller's thread: for commands, which have nothing else to do and no time to
 * start a thread. Blocks while it works.
 */
export function openOwnThread(options: EngineOptions): { executor: Executor; warnings: readonly string[] } {
  const engine = openEngine(options)
  let closed = false
  const executor: Executor = {
    async request<N extends OperationName>(name: N, ...input: Input<N>): Promise<Output<N>> {
      if (closed) throw errorOf({ kind: 'unavailable', message: 'the store is closed' })
      const request = { id: 0, name, input, deadlineMs: monotonicMs() + DEADLINE_MS }
      const [answer] = runGroup(engine, [request])
      if (!answer || 'fault' in answer) throw errorOf(named(answer?.fault, options.path))
      return answer.value as Output<N>
    },
    async close(): Promise<void> {
      closed = true
      engine.close()
    },
  }
  return { executor, warnings: engine.warnings }
}

/** Who gave a command wants to know which file it is that does not work. */
function named(fault: Fault = { kind: 'unavailable', message: 'no answer' }, path: string): Fault {
  return fault.kind === 'unavailable' ? { ...fault, message: `${resolve(path)}: ${fault.message}` } : fault
}

const DEADLINE_MS = 10_000
