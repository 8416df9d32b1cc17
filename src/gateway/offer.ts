import { readBody, type Asked, type BadBody } from '../core/body.ts'
import { header } from '../core/headers.ts'
import { NOTHING_ASKED, type Asker } from './identify.ts'

/** SDP and a session's settings take some kilobytes. */
const MAX_OFFER_BYTES = 1_048_576

/**
 * Reads the offer of a call over WebRTC: a form with the parts `sdp` and `session`, or SDP alone. Only the model is of
 * interest, which stands in the session (JSON) or in the query.
 */
export async function readOffer({ headers, path }: Asker, plain: Uint8Array): Promise<Asked | BadBody> {
  if (plain.length > MAX_OFFER_BYTES) {
    return { problem: `The offer is larger than the gateway takes: at most ${MAX_OFFER_BYTES} bytes.` }
  }
  const session = await sessionIn(plain, header(headers, 'content-type') ?? '')
  if ('problem' in session) return session
  const named = new Set([...queryModels(path), ...(session.model === undefined ? [] : [session.model])])
  if (named.size > 1)
    return { problem: 'The offer names more than one model: name one, in its session or in the query.' }
  const [model] = named
  return { ...NOTHING_ASKED, model }
}

async function sessionIn(plain: Uint8Array, contentType: string): Promise<Pick<Asked, 'model'> | BadBody> {
  if (/^\s*application\/sdp\s*(?:;|$)/i.test(contentType)) return { model: undefined }
  const form = await formIn(plain, contentType)
  if (!form) {
    return {
      problem:
        'The offer is not readable: it must be multipart/form-data with the parts "sdp" and "session", or application/sdp.',
    }
  }
  const [session, another] = form.getAll('session')
  if (another !== undefined) return { problem: 'The part "session" of the offer must be there once.' }
  if (session === undefined) return { model: undefined }
  // As a field or as a file: clients send both.
  const text = typeof session === 'string' ? session : await session.text()
  const asked = readBody(Buffer.from(text))
  return 'problem' in asked ? { problem: `In the part "session" of the offer: ${asked.problem}` } : asked
}

async function formIn(plain: Uint8Array, contentType: string): Promise<FormData | undefined> {
  try {
    return await new Response(Uint8Array.from(plain), { headers: { 'content-type': contentType } }).formData()
  } catch {
    // It is no form, or a broken one: the caller says what would be right.
    return undefined
  }
}

function queryModels(path: string): readonly string[] {
  const query = path.indexOf('?')
  return query === -1 ? [] : new URLSearchParams(path.slice(query)).getAll('model')
}
