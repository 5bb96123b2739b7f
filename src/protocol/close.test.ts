import { expect, test } from 'vitest'
import { afterClose, movedCode, staleCode, supersededCode } from './after-close.js'
import { closeTable, codeOf } from './close.js'

const cases = [
  { codes: [4000, 4001, 4002, 4099], gives: 'resume-now' },
  { codes: [4100, 4103, 4199, 1001, 1005, 1006, 1011, 1012, 1013], gives: 'back-off' },
  { codes: [4200, 4299], gives: 'new-session' },
  { codes: [4300, 4399], gives: 'new-token' },
  { codes: [4400, 4407, 4499], gives: 'stop-for-user' },
  { codes: [4500, 4599, 1002, 1003, 1007, 1008, 1009, 1010], gives: 'stop' },
  { codes: [1000, 1014, 1015, 3000, 3999, 4600, 4999, 0, -1, Number.NaN], gives: 'back-off' },
] as const

for (const { codes, gives } of cases) {
  test(`[WIRE-12] after ${codes.join(', ')} a client does: ${gives}`, () => {
    expect(codes.map(afterClose)).toEqual(codes.map(() => gives))
  })
}

test('[WIRE-12] each reason has one code and each code one reason', () => {
  expect(new Set(closeTable.map(({ code }) => code)).size).toBe(closeTable.length)
  expect(new Set(closeTable.map(({ reason }) => reason)).size).toBe(closeTable.length)
  for (const { code, reason } of closeTable) expect(codeOf(reason)).toBe(code)
})

test('[WIRE-12] the codes that a client knows by name are those of the table', () => {
  expect(movedCode).toBe(codeOf('moved'))
  expect(supersededCode).toBe(codeOf('superseded'))
  expect(staleCode).toBe(codeOf('stale-attempt'))
})
