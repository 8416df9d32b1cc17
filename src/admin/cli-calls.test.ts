import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { CallId, MemberId } from '../core/units.ts'
import type { CallRow, CallStory, TailMark } from '../ports.ts'
import { CALL, FakeWorld, NOW } from '../../test/support/admin-world.ts'

async function withAlice(): Promise<FakeWorld> {
  const world = new FakeWorld()
  equal(await world.run('admin', 'add-member', 'alice'), 0)
  equal(world.registry.list[0]?.id, 1 as MemberId)
  return world
}

suite('admin calls', () => {
  test('asks for the calls that its filters say', async () => {
    const world = await withAlice()
    equal(await world.run('admin', 'calls'), 0)
    const nothing = { member: undefined, model: undefined, upstream: undefined, kind: undefined, status: undefined }
    deepEqual({ ...world.callsAsked }, { ...nothing, ending: undefined, since: undefined, until: undefined, limit: 50 })
    const filters =
      '--member alice --model gpt-5.5 --kind turn --status 5xx --ending upstream-failed --since 2h --limit 3'
    equal(await world.run('admin', 'calls', ...filters.split(' ')), 0, world.err)
    deepEqual(
      { ...world.callsAsked },
      {
        member: 'alice',
        model: 'gpt-5.5',
        upstream: undefined,
        kind: 'turn',
        status: { from: 500, to: 599 },
        ending: 'upstream-failed',
        since: NOW - 7_200_000,
        until: Number.MAX_SAFE_INTEGER,
        limit: 3,
      },
    )
    await world.run('admin', 'calls', '--status', '429', '--until', '2026-11-23T09:59:59.999Z')
    deepEqual(world.callsAsked?.status, { from: 429, to: 429 })
    deepEqual([world.callsAsked?.since, world.callsAsked?.until], [0, NOW - 1])
  })

  test('says what is wrong with a filter', async () => {
    const world = await withAlice()
    for (const [args, message] of [
      ['--member bob', /no member named "bob"; see admin list-members/],
      ['--upstream main', /no upstream key named "main"; see admin list-upstream-keys/],
      ['--kind dance', /--kind "dance": must be one of turn, compaction,/],
      ['--status 6xx', /--status "6xx": must be a status such as 429, or a class of them such as 5xx/],
      ['--ending happy', /--ending "happy": must be one of complete, .*open/],
      ['--since 2026-11-02 --until 2026-11-01', /--since 2026-11-02 is not before --until 2026-11-01/],
      ['--follow --limit 3', /--limit: does not go with --follow/],
      ['--follow --since 1h', /--since: does not go with --follow/],
      ['--follow --ending open', /--ending open: does not go with --follow/],
      ['--follow --member bob', /no member named "bob"/],
    ] as const) {
      equal(await world.run('admin', 'calls', ...args.split(' ')), 2, args)
      match(world.err, message)
      equal(world.callsAsked, undefined)
    }
  })

  test('follows the ledger: each settled call that fits, once, until nobody reads', async () => {
    const settled = (id: string, over: Partial<CallRow>): CallRow => ({
      ...CALL,
      id: id as CallId,
      model: 'gpt-5.5',
      status: 503,
      ending: 'complete',
      durationMs: 5,
      ...over,
    })
    const batches: readonly (readonly CallRow[])[] = [
      [],
      [settled('1', {}), settled('2', { member: 'bob' }), settled('3', { status: 200 })],
      [settled('4', { kind: 'compaction' }), settled('5', {})],
    ]
    for (const [more, expected] of [
      [['--json'], /^\{"id":"1",.*\}\n\{"id":"5",.*\}\n$/],
      [[], /^\S+: id=1 .*\n\S+: id=5 .*\n$/],
    ] as const) {
      const marks: (TailMark | undefined)[] = []
      const next = new FakeWorld()
      await next.run('admin', 'add-member', 'alice')
      next.tail = (mark) => {
        marks.push(mark)
        if (marks.length === batches.length) next.unread.abort()
        return { mark: { seen: marks.length, open: [9] }, calls: batches[marks.length - 1] ?? [] }
      }
      const filters = '--follow --member alice --status 5xx --kind turn --model gpt-5.5 --ending complete'.split(' ')
      equal(await next.run('admin', 'calls', ...filters, ...more), 0, next.err)
      match(next.out, expected)
      deepEqual(marks, [undefined, { seen: 1, open: [9] }, { seen: 2, open: [9] }])
    }
  })
})

const STORY: CallStory = {
  call: {
    ...CALL,
    id: '0199f3c2-7b1d-7000-8000-3f1e5a6b7c8d' as CallId,
    upstream: 'second',
    model: 'gpt-5.5',
    status: 200,
    ending: 'complete',
    precision: 'exact',
    inputTokens: 10,
    requestId: 'req_1',
    endedAt: NOW + 1500,
    durationMs: 1500,
    attempts: 2,
    spoken: {
      inputAudioTokens: 1,
      cachedAudioTokens: 2,
      inputImageTokens: 3,
      cachedImageTokens: 4,
      outputAudioTokens: 5,
      audioMs: 0,
    },
  },
  askedTier: 'auto',
  turnId: 'turn-1',
  admittedAt: NOW + 1,
  hold: 2_000_000_000n,
  windows: [{ name: '5h', openedAt: NOW, resetsAt: NOW + 18_000_000, settled: 1_500_000_000n }],
  organization: 'org-1',
  tries: [
    {
      number: 1,
      upstream: 'first',
      startedAt: NOW + 2,
      status: 429,
      errorClass: 'rate_limited',
      sent: true,
      durationMs: 20,
      chosen: 'owner:pinned',
    },
    {
      number: 2,
      upstream: 'second',
      startedAt: NOW + 30,
      status: 200,
      errorClass: undefined,
      sent: true,
      durationMs: 1400,
      chosen: 'retry:fair',
    },
    {
      number: 3,
      upstream: 'second',
      startedAt: NOW + 40,
      status: undefined,
      errorClass: undefined,
      sent: undefined,
      durationMs: undefined,
      chosen: undefined,
    },
  ],
  charging: 'tokens',
  message: true,
  rate: 'gpt-5.5@2026-04-23',
  repricings: [
    { at: NOW + 5000, before: 0n, after: 2_000_000_000n, rateBefore: undefined, rate: 'a@1', who: 'root', why: 'late' },
    {
      at: NOW + 6000,
      before: 2_000_000_000n,
      after: 4375n,
      rateBefore: 'a@1',
      rate: 'b@2',
      who: 'eve',
      why: 'too much',
    },
  ],
}

suite('admin call', () => {
  test('does not say of a refused call that it was admitted', async () => {
    const world = await withAlice()
    const refused = { ...STORY.call, ending: 'refused', refusal: 'five_hour_quota' } as const
    world.stories.set('0199f3c2-7b1d', { ...STORY, call: refused, tries: [], windows: [] })
    equal(await world.run('admin', 'call', '0199f3c2-7b1d'), 0, world.err)
    ok(!world.out.includes('admitted') && world.out.includes('five_hour_quota'), world.out)
    equal(await world.run('admin', 'call', '0199f3c2-7b1d', '--json'), 0, world.err)
    ok(world.out.includes('"admitted_at":null') || world.out.includes('"admitted_at": null'), world.out)
  })

  test('tells the whole story of a call, step by step', async () => {
    const world = await withAlice()
    world.stories.set('0199f3c2-7b1d', STORY)
    equal(await world.run('admin', 'call', '0199F3C2-7B1D'), 0, world.err)
    equal(
      world.out,
      [
        'call 0199f3c2-7b1d-7000-8000-3f1e5a6b7c8d',
        'asked: at=2026-11-23T10:00:00.000Z member=alice key=sk-codex-gw-abcd kind=turn transport=sse path=/v1/responses model=gpt-5.5 tier=auto turn_id=turn-1',
        'admitted: at=2026-11-23T10:00:00.001Z hold=2',
        'window: name=5h opened_at=2026-11-23T10:00:00.000Z resets_at=2026-11-23T15:00:00.000Z settled_by_now=1.5',
        'try 1: at=2026-11-23T10:00:00.002Z upstream=first status=429 error_class=rate_limited sent=true duration_ms=20 why=owner:pinned',
        'try 2: at=2026-11-23T10:00:00.030Z upstream=second status=200 sent=true duration_ms=1400 why=retry:fair',
        'try 3: at=2026-11-23T10:00:00.040Z upstream=second',
        'ended: at=2026-11-23T10:00:01.500Z ending=complete status=200 upstream=second organization=org-1 duration_ms=1500 request_id=req_1',
        'usage: precision=exact input=10 cached=0 cache_write=0 output=0 reasoning=0 input_audio=1 cached_audio=2 input_image=3 cached_image=4 output_audio=5 audio_ms=0',
        // By hand, in nano-dollars: 6 of text at 5,000, 2 + 4 cached at 500, 5 spoken ones at 30,000.
        'price: credits=0.000004375 usd=0.000183 charged_by=tokens message=true rate=gpt-5.5@2026-04-23',
        'repriced: at=2026-11-23T10:00:05.000Z credits_before=0 credits=2 rate=a@1 who=root why=late',
        'repriced: at=2026-11-23T10:00:06.000Z credits_before=2 credits=0.000004375 rate_before=a@1 rate=b@2 who=eve why=too much',
        '',
      ].join('\n'),
    )
    await world.run('admin', 'call', '0199f3c2-7b1d', '--json')
    const json = JSON.parse(world.out) as {
      tries: readonly { why: string | null }[]
      repricings: readonly object[]
      hold: number
      windows: readonly object[]
    }
    deepEqual([json.tries.map(({ why }) => why), json.hold], [['owner:pinned', 'retry:fair', null], 2])
    deepEqual(json.repricings[1], {
      at: '2026-11-23T10:00:06.000Z',
      credits_before: 2,
      credits: 0.000004375,
      rate_before: 'a@1',
      rate: 'b@2',
      who: 'eve',
      why: 'too much',
    })
    equal(json.windows.length, 1)
  })

  test('tells how a call that passed would have been refused', async () => {
    const world = await withAlice()
    const call = { ...STORY.call, wouldRefuse: 'member_5h_quota_exceeded' }
    world.stories.set('0199f3c2-7b1d', { ...STORY, call })
    await world.run('admin', 'call', '0199f3c2-7b1d')
    match(world.out, /\nended: .* status=200 would_refuse=member_5h_quota_exceeded upstream=second /)
  })

  test('does not guess: an id that is none, too short, unknown or of several is said so', async () => {
    const world = await withAlice()
    for (const [id, message] of [
      ['0199f3c2-7b1', /must be the id of a call, or at least its first 13 characters/],
      ['resp_12345678', /must be the id of a call/],
      ['0199f3c2-7b1e', /there is no call "0199f3c2-7b1e", or several begin so/],
    ] as const) {
      equal(await world.run('admin', 'call', id), 2)
      match(world.err, message)
    }
  })
})
