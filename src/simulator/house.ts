import type { Controlled } from './control.ts'
import type { Engine } from './engine.ts'
import type { KeyRing } from './keys.ts'
import type { Settings } from './options.ts'
import type { Pace } from './pace.ts'
import type { VoiceCalls } from './voice-calls.ts'

/** What every connection of one simulator shares. */
export interface House {
  readonly settings: Settings
  readonly controlled: Controlled
  readonly engine: Engine
  readonly keys: KeyRing
  readonly pace: Pace
  readonly calls: VoiceCalls
}
