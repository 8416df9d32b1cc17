import type { IncomingMessage, ServerResponse } from 'node:http'
import { ApiError, asApiError } from './api-error.ts'
import { bookPage, bookQuery } from './book-pages.ts'
import { bookedCalls, type BookedCall } from './books.ts'
import { textOfBody, typeOfBody } from './faults.ts'
import type { House } from './house.ts'
import { keyId, masked, secretIn, type NamedKey } from './keys.ts'
import { COST_GROUPS, COST_WIDTHS, costResults, USAGE_GROUPS, USAGE_WIDTHS, usageResults } from './usage-book.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

/** When every default key was made, and when it came into use: 2025-08-07. */
const CREATED_SECONDS = 1_754_524_800

/** Longest list that is given at once, and the usual one. */
const MOST_LISTED = 100
const USUALLY_LISTED = 20

/**
 * What an organization's admin key may read: its books, and who its keys are. None of this is a call, so it stands in
 * no truth. Of faults only those on `books` meet it.
 */
export class Organizations {
  readonly #house: House

  constructor(house: House) {
    this.#house = house
  }

  /** Never rejects. */
  answer(request: IncomingMessage, response: ServerResponse): void {
    request.resume()
    const url = new URL(request.url ?? '/', 'http://simulator')
    const fault = this.#house.controlled.faults.meet({
      path: url.pathname,
      model: undefined,
      key: undefined,
      on: 'books',
    })
    try {
      if (fault?.reset === 'before-head') {
        request.socket.resetAndDestroy()
        return
      }
      if (fault?.status !== undefined) {
        response.writeHead(fault.status, { 'content-type': typeOfBody(fault), ...fault.headers }).end(textOfBody(fault))
        return
      }
      if (request.method !== 'GET') throw new ApiError(405, `Not allowed to ${request.method} on ${url.pathname}.`)
      const organization = this.#admit(request.headers.authorization)
      const body = this.#read(url, organization)
      response.writeHead(200, JSON_TYPE).end(body)
    } catch (cause) {
      const error = asApiError(cause)
      response.writeHead(error.status, { ...JSON_TYPE, ...error.detail.headers }).end(error.body())
    }
  }

  /** The organization whose admin key it is. Throws OpenAI's 401, or 403 for a key that is not an admin's. */
  #admit(authorization: string | undefined): string {
    const secret = secretIn(authorization)
    const admin = this.#house.settings.adminKeys.find((key) => key.secret === secret)
    if (admin !== undefined) return admin.organization
    this.#house.keys.authenticate(authorization)
    throw new ApiError(
      403,
      'You have insufficient permissions for this operation. Missing scopes: api.usage.read. Check that you have the correct role in your organization, and if you’re using a restricted API key, that it has the necessary scopes.',
    )
  }

  #read(url: URL, organization: string): string {
    const { pathname } = url
    if (pathname === '/v1/organization/usage/completions') {
      const query = bookQuery(url, { widths: USAGE_WIDTHS, groups: USAGE_GROUPS }, Date.now() / 1000)
      const calls = this.#booked(organization)
      return bookPage(query, (start, end) => usageResults(between(calls, start, end), query))
    }
    if (pathname === '/v1/organization/costs') {
      const query = bookQuery(url, { widths: COST_WIDTHS, groups: COST_GROUPS }, Date.now() / 1000)
      const calls = this.#booked(organization)
      return bookPage(query, (start, end) => costResults(between(calls, start, end), query))
    }
    const keys = this.#house.keys.of(organization)
    if (pathname === '/v1/organization/projects') {
      const ids = [...new Set(keys.map(({ project }) => project))]
      return listed(
        url,
        ids.map((id) => ({
          id,
          object: 'organization.project',
          name: id,
          created_at: CREATED_SECONDS,
          status: 'active',
        })),
      )
    }
    const project = /^\/v1\/organization\/projects\/([^/]+)\/api_keys$/.exec(pathname)?.[1]
    const own = keys.filter((key) => key.project === project)
    if (own.length === 0) throw new ApiError(404, `Invalid URL (GET ${pathname})`)
    return listed(url, own.map(shownKey))
  }

  #booked(organization: string): readonly BookedCall[] {
    const { controlled, keys, engine, settings } = this.#house
    const until = Date.now() - settings.usageDelayMs
    return bookedCalls(controlled.truth.calls(), organization, { keys, shelf: engine.shelf, until })
  }
}

function between(calls: readonly BookedCall[], start: number, end: number): readonly BookedCall[] {
  return calls.filter(({ at }) => at >= start && at < end)
}

function shownKey(key: NamedKey): { readonly id: string } & Readonly<Record<string, unknown>> {
  return {
    object: 'organization.project.api_key',
    redacted_value: masked(key.secret),
    name: key.name,
    created_at: CREATED_SECONDS,
    last_used_at: null,
    id: keyId(key),
    owner: { type: 'service_account', service_account: { id: 'svc_acct_sim', name: 'simulator', role: 'member' } },
    owner_project_access: 'active',
  }
}

/** A page of a list, which is gone on with after its last id. */
function listed(url: URL, all: readonly { readonly id: string }[]): string {
  const limit = Math.min(Number(url.searchParams.get('limit') ?? USUALLY_LISTED), MOST_LISTED)
  const after = url.searchParams.get('after')
  const from = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1
  const data = all.slice(from, from + limit)
  return JSON.stringify({
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: from + limit < all.length,
  })
}
