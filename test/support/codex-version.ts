/** What Codex does by its version, as far as the tests can see it: each fact measured on the real client. */

/** The version that the tests run with; `npm run test:codex` sets it to one after the other. */
export const CODEX_VERSION: string = process.env['CODEX_VERSION'] ?? '0.169.0'

/** Whether the version is this one or a later one. */
function since(first: string): boolean {
  return CODEX_VERSION.localeCompare(first, 'en', { numeric: true }) >= 0
}

/** A model that the version knows, with a dated snapshot and classic tools. */
export const MODEL: string = newest({ '0.130.0': 'gpt-5.5', '0.118.0': 'gpt-5.4', '0.0.0': 'gpt-5.2' })

/** A lite model that the version knows; there are none before 0.145. */
const LITE_MODEL: string = newest({ '0.160.0': 'gpt-6.1-sol', '0.145.0': 'gpt-5.6-sol', '0.0.0': '' })
export const LITE_MODELS: readonly string[] = LITE_MODEL === '' ? [] : [LITE_MODEL]
export const MODELS: readonly string[] = [MODEL, ...LITE_MODELS]

/** What an older version asks for in place of a model that it does not know: the known one whose name begins the same. */
export const askedFor = (unknown: string): string => (since('0.118.0') ? unknown : unknown.replace(/\.\d+$/, ''))

/** Settings that turn WebSocket on: of the provider, and at the top level. */
export const WEB_SOCKET_PROVIDER = 'supports_websockets = true'
export const WEB_SOCKET_SETTINGS: string = since('0.118.0') ? '' : 'features.responses_websockets_v2 = true'

/** How many handshakes Codex tries where upgrades are refused with 426: one at its start, one for the turn, or one for both. */
export const REFUSED_UPGRADES: number = since('0.118.0') ? 1 : 2

/** Whether a conversation over WebSocket begins with a warm-up. */
export const WARMS_UP: boolean = since('0.118.0')

/** Whether calls name their turn. */
export const NAMES_TURN: boolean = since('0.118.0')

/** Whether calls name their thread beside their session. */
export const NAMES_THREAD: boolean = since('0.130.0')

/** Whether calls say that they are compactions, where nothing else tells it. */
export const NAMES_COMPACTION: boolean = since('0.145.0')

/** Whether upstream compacts at a call for it (`/v1/responses/compact`), or at an item in an ordinary one. */
export const COMPACTS_BY_PATH: boolean = !since('0.145.0')

/** Whether a compaction upstream names its session. */
export const COMPACTION_NAMES_SESSION: boolean = since('0.118.0')

/** Whether `service_tier = "fast"` is known. */
export const HAS_FAST_TIER: boolean = since('0.118.0')

/** Whether there is a `codex doctor`, and the path which it asks for to see whether the provider can be reached. */
export const HAS_DOCTOR: boolean = since('0.145.0')
export const DOCTOR_PATH: string = since('0.160.0') ? '/v1/responses' : '/v1'

/** Whether voice is ready, and search by a call of its own; before, both are there in part and switched off. */
export const HAS_VOICE: boolean = since('0.160.0')
export const HAS_SEARCH: boolean = since('0.160.0')

/** As Codex writes "You’ve". */
export const APOSTROPHE: string = since('0.160.0') ? '’' : "'"

/** The value of the latest version that is not later than the one under test. */
function newest(values: Readonly<Record<string, string>>): string {
  return Object.entries(values).find(([first]) => since(first))?.[1] ?? ''
}
