import { deepEqual, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { silent, T0 } from '../../../test/contract/bench.ts'
import type { MemberId } from '../../core/units.ts'
import { LedgerUnavailable, type Log } from '../../ports.ts'
import type { Executor } from './executor.ts'
import { LedgerHealth } from './ledger-health.ts'
import type { Input, OperationName, Output } from './operations.ts'

/** A database on a disk with room for a page, or for whatever is written. */
class Disk implements Executor {
  hasRoom = true
  readonly asked: OperationName[] = []

  async request<N extends OperationName>(name: N, ..._input: Input<N>): Promise<Output<N>> {
    this.asked.push(name)
    if (!this.hasRoom && name !== 'probe' && name !== 'standing') throw new LedgerUnavailable('disk is full')
    return undefined as Output<N>
  }

  async close(): Promise<void> {}
}

suite('the health of the ledger', () => {
  test('is bad from a call that cannot be written until there is room for one, whatever a small write says', async () => {
    const disk = new Disk()
    const lines: string[] = []
    const log: Log = { ...silent, error: (event) => void lines.push(event), info: (event) => void lines.push(event) }
    const health = new LedgerHealth(disk, log)
    await health.probe(undefined)
    disk.hasRoom = false
    await rejects(health.executor.request('apply', 1, []), LedgerUnavailable)
    await rejects(health.probe(undefined), LedgerUnavailable)
    // Neither proves anything.
    await health.executor.request('standing', 1 as MemberId, [], T0)
    await health.executor.request('probe')
    await rejects(health.probe(undefined), LedgerUnavailable)
    disk.hasRoom = true
    await health.probe(undefined)
    await health.probe(undefined)
    deepEqual(lines, ['ledger cannot be written', 'ledger can be written again'])
    deepEqual(disk.asked.slice(-2), ['probeRoom', 'probe'])
  })

  test('is nothing to tell of once the store is closed', async () => {
    const disk = new Disk()
    const lines: string[] = []
    const health = new LedgerHealth(disk, { ...silent, error: (event) => void lines.push(event) })
    disk.hasRoom = false
    health.end()
    await rejects(health.executor.request('apply', 1, []), LedgerUnavailable)
    deepEqual(lines, [])
  })
})
