import { endingContract } from './upstream-ending.ts'
import type { MakeUpstreamClient } from './upstream-kit.ts'
import { noReplyContract } from './upstream-no-reply.ts'
import { replyContract } from './upstream-reply.ts'
import { sentContract } from './upstream-sent.ts'

/** What every UpstreamClient keeps to, over real connections. */
export function upstreamClientContract(name: string, make: MakeUpstreamClient): void {
  sentContract(name, make)
  replyContract(name, make)
  endingContract(name, make)
  noReplyContract(name, make)
}
