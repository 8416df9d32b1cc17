import type { Input, OperationName, Output } from './operations.ts'

/** Who carries out the store's operations: a worker thread, or the caller's own. */
export interface Executor {
  /** Resolves once committed. Rejects with LedgerUnavailable, a RegistryError, or whatever bug it was. */
  request<N extends OperationName>(name: N, ...input: Input<N>): Promise<Output<N>>
  /** After what was asked before has been carried out. */
  close(): Promise<void>
}
