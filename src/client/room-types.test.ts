// The types of rooms as an application sees them: what does not compile here is as much a test as what does.

import { expect, expectTypeOf, test } from 'vitest'
import type { AnyRoom, Connect, Data, RoomName, RoomOf, Session } from './node.js'

interface Rooms {
  readonly [pattern: string]: never
}

type App = {
  readonly 'chat/:id': {
    readonly entry: { text: string }
    readonly presence: { name: string }
    readonly signal: 'typing'
  }
  readonly 'chat/lobby': { readonly entry: number; readonly presence: null; readonly signal: null }
  readonly 'game/:id/moves': { readonly entry: { move: string }; readonly presence: null; readonly signal: null }
  readonly 'docs/*': { readonly entry: string; readonly presence: null; readonly signal: null }
}

test('[REACT-1] types of rooms follow the pattern that a name fits', () => {
  expectTypeOf<RoomName<App>>().toEqualTypeOf<
    `chat/${string}` | 'chat/lobby' | `game/${string}/moves` | `docs/${string}`
  >()
  expectTypeOf<RoomOf<App, 'chat/42'>['entry']>().toEqualTypeOf<{ text: string }>()
  expectTypeOf<RoomOf<App, `chat/${string}`>['signal']>().toEqualTypeOf<'typing'>()
  expectTypeOf<RoomOf<App, 'chat/lobby'>['entry']>().toEqualTypeOf<number>()
  expectTypeOf<RoomOf<App, 'game/7/moves'>['entry']>().toEqualTypeOf<{ move: string }>()
  expectTypeOf<RoomOf<App, 'docs/a/b/c'>['entry']>().toEqualTypeOf<string>()
  expectTypeOf<RoomOf<Rooms, 'x'>>().toBeNever()
})

/** Compiled, never run. */
function typed(session: Session<App>, open: Session, connect: Connect, id: string): void {
  const room = session.join('chat/42')
  void room.publish({ text: 'hi' })
  // @ts-expect-error the server's schema wants a text
  void room.publish({ txt: 'hi' })
  room.on('entry', ({ data }) => expectTypeOf(data).toEqualTypeOf<{ text: string }>())
  room.on('presence', ({ members }) => expectTypeOf(members[0]?.data).toEqualTypeOf<{ name: string } | undefined>())
  room.signal('typing')
  // @ts-expect-error no such signal
  room.signal('dancing')
  room.presence.track({ name: 'Ann' })
  void session.join(`game/${id}/moves`).publish({ move: 'e4' })
  // @ts-expect-error the server has no such room
  session.join('cht/42')
  expectTypeOf(open.join('anything').publish).parameter(0).toEqualTypeOf<Data>()
  expectTypeOf(open.join(id)).toExtend<{ presence: object }>()
  expectTypeOf<RoomOf<{ readonly [pattern: string]: AnyRoom }, 'x'>>().toEqualTypeOf<AnyRoom>()
  void connect<App>('ws://x').join('chat/1').publish({ text: '' })
  // @ts-expect-error a session of these rooms joins no others
  const anywhere: Session = session
  void anywhere
}

test('[REACT-1] they cost nothing when the code runs', () => expect(typed).toBeTypeOf('function'))
