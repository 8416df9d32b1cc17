import { equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { csv } from './csv.ts'

suite('csv', () => {
  const columns = [
    { name: 'name', of: (row: { name?: string; credits: string; n: number }) => row.name },
    { name: 'credits', of: (row: { credits: string }) => row.credits },
    { name: 'n', of: (row: { n: number }) => row.n },
  ]

  test('names its columns, leaves what is absent empty, and quotes what has to be', () => {
    equal(csv(columns, []), 'name,credits,n\n')
    equal(csv(columns, [{ credits: '-0.5', n: -1 }]), 'name,credits,n\n,-0.5,-1\n')
    equal(csv(columns, [{ name: 'a, "b"', credits: '1', n: 0 }]), 'name,credits,n\n"a, ""b""",1,0\n')
  })

  test('keeps a caller from giving a spreadsheet a formula, or a line of its own', () => {
    for (const name of ['=1+1', '+1+1', '-1+1', '@SUM(A1)']) {
      equal(csv(columns, [{ name, credits: '1', n: 0 }]), `name,credits,n\n'${name},1,0\n`)
    }
    equal(csv(columns, [{ name: 'a\nb\t=1', credits: '1', n: 0 }]), 'name,credits,n\na\\u{a}b\\u{9}=1,1,0\n')
  })
})
