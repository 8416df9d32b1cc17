import { equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { dayAt, dayOf, httpDate } from './calendar.ts'

suite('calendar', () => {
  test('counts days as the platform does', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('1600-01-01'), max: new Date('2400-01-01'), noInvalidDate: true }),
        (date) => {
          equal(dayOf(date.toISOString().slice(0, 10)), dayAt(date.getTime()))
          equal(httpDate(date.toUTCString()), Math.floor(date.getTime() / 1000) * 1000)
        },
      ),
    )
  })

  test('knows no days that do not exist', () => {
    for (const date of ['2026-02-29', '2026-13-01', '2026-00-10', '2026-04-31', '2026-4-3', 'today', '']) {
      equal(dayOf(date), undefined, date)
    }
    equal(httpDate('Mon, 31 Feb 2026 10:00:00 GMT'), undefined)
    equal(httpDate('tomorrow'), undefined)
  })
})
