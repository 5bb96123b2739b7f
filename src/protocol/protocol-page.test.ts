// PROTOCOL.md is what makers of other clients read: what it quotes is what travels.

import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { closeTable } from './close.js'
import { bounds, serverFrameBounds } from './limits.js'
import { clientShapes } from './client-shapes.js'
import { serverShapes } from './server-shapes.js'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const page = read('PROTOCOL.md')
const blocks = [...page.matchAll(/^```json\n(.*?)\n```$/gms)].map(([, block = '']) => block)
const golden = readdirSync(new URL('../../test/frames/', import.meta.url))
  .filter((file) => file !== 'invalid.json')
  .flatMap((file) => JSON.parse(read(`test/frames/${file}`)) as { text?: string; header?: string }[])
  .map(({ text, header }) => text ?? header)

test('[WIRE-14] every frame that PROTOCOL.md quotes is a golden frame, byte for byte', () => {
  expect(blocks.filter((block) => !golden.includes(block))).toEqual([])
})

test('[WIRE-14] PROTOCOL.md describes and quotes every type of frame', () => {
  const quoted = new Set(blocks.map((block) => JSON.parse(block).type))
  for (const type of [...Object.keys(clientShapes), ...Object.keys(serverShapes)]) {
    expect(page).toContain(`**\`${type}\`**`)
    expect([...quoted]).toContain(type)
  }
})

test('[WIRE-14] PROTOCOL.md has each close code beside its reason', () => {
  for (const { code, reason } of closeTable) expect(page).toContain(`| \`${code}\` | \`${reason}\` |`)
})

test('[WIRE-14] PROTOCOL.md tells the bounds that are in force', () => {
  const grouped = (count: number) => String(count).replace(/(?<=\d)(?=(\d{3})+$)/g, count > 9999 ? ' ' : '')
  const told = [...Object.values(bounds), ...Object.values(serverFrameBounds)].filter((bound) => bound > 64)
  for (const bound of told) expect(page).toContain(grouped(bound))
})
