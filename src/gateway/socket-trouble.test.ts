import { equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { SocketTrouble } from './socket-trouble.ts'

suite('the trouble of WebSockets upstream', () => {
  test('lasts once none could be had for five seconds, from the first try that failed on', () => {
    const trouble = new SocketTrouble()
    trouble.failed(1000, 1010)
    equal(trouble.lasts(5999), false)
    trouble.failed(5000, 5010)
    equal(trouble.lasts(6000), true)
  })

  test('lasts at the end of one try that hung for so long', () => {
    const trouble = new SocketTrouble()
    trouble.failed(1000, 9000)
    equal(trouble.lasts(9000), true)
  })

  test('does not reach back beyond a try that worked meanwhile', () => {
    const trouble = new SocketTrouble()
    trouble.worked(8000)
    trouble.failed(1000, 9000)
    equal(trouble.lasts(9000), false)
    equal(trouble.lasts(13_000), true)
    trouble.worked(13_000)
    equal(trouble.lasts(13_000), false)
  })

  test('is forgotten after a minute', () => {
    const trouble = new SocketTrouble()
    trouble.failed(0, 8000)
    equal(trouble.lasts(68_001), false)
    trouble.failed(68_500, 68_501)
    equal(trouble.lasts(68_502), false)
  })
})
