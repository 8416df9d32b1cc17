import { answerContract } from './client-answer.ts'
import type { MakeServer } from './client-kit.ts'
import { leavingContract } from './client-leaving.ts'
import { requestContract } from './client-request.ts'

/** What every Client keeps to, over real connections. */
export function clientContract(name: string, make: MakeServer): void {
  requestContract(name, make)
  answerContract(name, make)
  leavingContract(name, make)
}
