/** What a user of Codex's voice does. */
import type { AppServer, Message } from './app-server.ts'

export interface VoiceOptions {
  /** Of Codex's voice protocol. */
  readonly version: string
  readonly transport: Message
  readonly outputModality?: 'audio' | 'text'
}

/** Has a thread of its own talk, and returns its id. */
export async function startVoice(app: AppServer, options: VoiceOptions): Promise<string> {
  const { thread } = await app.request('thread/start', {})
  const threadId = String((thread as { readonly id: unknown }).id)
  await app.request('thread/realtime/start', { threadId, prompt: 'be brief', outputModality: 'audio', ...options })
  return threadId
}

/** A tenth of a second at 24,000 Hz. */
const SAMPLES = 2400

/** Says something for half a second, and then nothing for as long as it takes to be heard. */
export async function speak(app: AppServer, threadId: string): Promise<void> {
  for (const value of [...Array.from({ length: 5 }, () => 1), ...Array.from({ length: 6 }, () => 0)]) {
    const data = Buffer.alloc(SAMPLES * 2, value).toString('base64')
    const audio = { data, sampleRate: 24_000, numChannels: 1, samplesPerChannel: SAMPLES }
    await app.request('thread/realtime/appendAudio', { threadId, audio })
  }
}
