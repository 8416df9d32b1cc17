/** What a call is for. */
export type CallKind = 'turn' | 'compaction' | 'prewarm' | 'thread_title' | 'review' | 'subagent'
