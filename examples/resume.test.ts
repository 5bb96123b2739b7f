// "My game survives a resume whose reply is lost": a game of two who take turns, under scripts of faults. Virtual
// time, the real server and client, a network in memory: no sleeping, no sockets, and every run is the same.

import { connect, type Session } from 'holdfast'
import { createTestStage, type FaultScript } from 'holdfast/testing'
import { expect, test } from 'vitest'

/** The application: everybody applies the same moves in the same order, so everybody sees the same board. */
function createGame(session: Session, table: string) {
  const board = new Map<number, string>()
  const refused: string[] = []
  let last = ''
  const room = session.join(`game/${table}`, { last: 50 })
  room.on('entry', ({ data, by }) => {
    const { cell } = data as { cell: number }
    const player = by?.user ?? 'nobody'
    if (player === last || board.has(cell)) refused.push(`${player} ${cell}`)
    else board.set(cell, player)
    last = player
  })
  return { board, refused, move: (cell: number) => room.publish({ cell }) }
}

const scripts: Readonly<Record<string, FaultScript>> = {
  'a resume whose reply is lost': [
    { atMs: 0, fault: 'cut', line: 'ann' },
    { atMs: 0, fault: 'lose-reply', line: 'ann', frame: 'welcome' },
  ],
  'a move whose reply is lost': [{ atMs: 0, fault: 'lose-reply', line: 'ann', frame: 'published' }],
  'a link that is dead one way, then a network that answers nobody': [
    { atMs: 0, fault: 'half-open', line: 'ann', direction: 'down' },
    { atMs: 5_000, fault: 'hang', line: 'ann', forMs: 15_000 },
  ],
  'a server that crashes and a store that is late': [
    { atMs: 0, fault: 'store-slow', lateMs: [20, 400], forMs: 20_000 },
    { atMs: 15, fault: 'crash', server: 'a', downMs: 3_000 },
  ],
}

for (const [name, script] of Object.entries(scripts)) {
  test(`my game survives ${name}`, async () => {
    const stage = await createTestStage({
      rooms: { 'game/:table': {} },
      authenticate: (token) => (token === null ? null : { user: token }),
    })
    const player = (user: string) => connect(stage.url, { ...stage.client(user), auth: () => user })
    const [ann, bob] = [createGame(player('ann'), '1'), createGame(player('bob'), '1')]
    await stage.advance(1_000)

    const playing = stage.play(script)
    await stage.advance(10)
    expect(await stage.settled(ann.move(4))).toMatchObject({ kind: 'kept' })
    expect(await stage.settled(bob.move(0))).toMatchObject({ kind: 'kept' })
    await stage.advance(60_000)

    for (const { board, refused } of [ann, bob]) {
      expect([...board].join(' ')).toBe('4,ann 0,bob') // in order, the same for both
      expect(refused).toEqual([]) // and each of them once
    }
    expect(playing.idle).toEqual([]) // every fault found something to break
  })
}
