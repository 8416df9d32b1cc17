import { id } from './body.ts'

/**
 * The id of a call over WebRTC, by which its WebSocket is asked for (`?call_id=`): the last part of the `location` that
 * upstream's answer to the offer has, such as `/v1/realtime/calls/rtc_u1_9c6574da8b8a41a18da9308f4ad974ce`.
 */
export function callIdIn(location: string | undefined): string | undefined {
  return id(location?.split(/[?#]/, 1)[0]?.split('/').at(-1))
}
