import { z } from 'zod'
import { bytes, count, credits, nanoCredits, secs } from './config-kinds.ts'
import type { SettledConfig } from './config-shape.ts'

type NumberSetting = z.ZodDefault<z.ZodNumber>

type LimitName =
  | 'default_member_concurrency'
  | 'default_member_5h_quota'
  | 'default_member_weekly_quota'
  | 'default_upstream_concurrency'
  | 'queue_secs'
  | 'codex_queue_secs'
  | 'max_header_bytes'
  | 'max_body_bytes'
  | 'max_decompressed_bytes'
  | 'max_buffered_bytes'
  | 'max_member_buffered_bytes'
  | 'max_queued_per_member'
  | 'body_idle_secs'
  | 'client_stall_secs'
  | 'ws_idle_timeout_secs'
  | 'ws_upstream_ping_interval_secs'
  | 'ws_max_connection_secs'
  | 'ws_max_messages_per_connection'

/** The section `[limits]`. */
export const limits: z.ZodObject<Readonly<Record<LimitName, NumberSetting>>, z.core.$strict> = z.strictObject({
  default_member_concurrency: count(4, 'Calls at once for a new member (0 = unlimited)'),
  default_member_5h_quota: credits(0, 'Credits per 5 hours for a new member (0 = unlimited)'),
  default_member_weekly_quota: credits(0, 'Credits per 7 days for a new member (0 = unlimited)'),
  default_upstream_concurrency: count(8, 'Calls at once for a new upstream key', 1),
  queue_secs: secs(10, 'How long a call waits for a place before it is refused'),
  codex_queue_secs: secs(45, 'The same for Codex streams, which wait patiently'),
  max_header_bytes: bytes(65_536, 'Largest head of a request or a response'),
  max_body_bytes: bytes(134_217_728, 'Largest request body as it comes'),
  max_decompressed_bytes: bytes(268_435_456, 'Largest request body once decompressed'),
  max_buffered_bytes: bytes(1_073_741_824, 'All request bodies and WebSocket messages held in memory together'),
  max_member_buffered_bytes: bytes(536_870_912, 'Those of one member together'),
  max_queued_per_member: count(100, 'Calls of one member that may wait for a place; one more is refused at once'),
  body_idle_secs: secs(60, 'How long a request body, or a WebSocket message, may make no progress', 0.001),
  client_stall_secs: secs(120, 'How long a client may take no byte of its answer before it counts as gone', 0.001),
  ws_idle_timeout_secs: secs(3300, 'How long a WebSocket may be without a turn', 0.001),
  ws_upstream_ping_interval_secs: secs(20, 'How often to ping both sides of a WebSocket', 0.001),
  ws_max_connection_secs: secs(
    3300,
    'How long a WebSocket may live: then it is closed between turns; upstream cuts at 3600',
    0.001,
  ),
  ws_max_messages_per_connection: count(5000, 'Messages, both ways together, on one WebSocket of Codex’s turns', 1),
})

/** The limits in the gateway's own units. */
export function limitsOf(values: Readonly<Record<LimitName, number>>): SettledConfig['limits'] {
  return {
    defaultMemberConcurrency: values.default_member_concurrency,
    defaultMember5hQuota: nanoCredits(values.default_member_5h_quota),
    defaultMemberWeeklyQuota: nanoCredits(values.default_member_weekly_quota),
    defaultUpstreamConcurrency: values.default_upstream_concurrency,
    queueSecs: values.queue_secs,
    codexQueueSecs: values.codex_queue_secs,
    maxHeaderBytes: values.max_header_bytes,
    maxBodyBytes: values.max_body_bytes,
    maxDecompressedBytes: values.max_decompressed_bytes,
    maxBufferedBytes: values.max_buffered_bytes,
    maxMemberBufferedBytes: values.max_member_buffered_bytes,
    maxQueuedPerMember: values.max_queued_per_member,
    bodyIdleSecs: values.body_idle_secs,
    clientStallSecs: values.client_stall_secs,
    wsIdleTimeoutSecs: values.ws_idle_timeout_secs,
    wsUpstreamPingIntervalSecs: values.ws_upstream_ping_interval_secs,
    wsMaxConnectionSecs: values.ws_max_connection_secs,
    wsMaxMessagesPerConnection: values.ws_max_messages_per_connection,
  }
}
