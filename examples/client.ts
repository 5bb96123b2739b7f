import { connect } from 'holdfast'

const session = connect('ws://localhost:7400')
const room = session.join('chat/42', { last: 50, presence: true })

room.on('entry', ({ data, by }) => console.log(by?.user ?? 'server', data)) // in order, each once
room.on('gap', ({ reason, from, to }) => console.log(`missing ${from}…${to}: ${reason}`)) // never silent
room.on('presence', ({ members }) => console.log(members.map(({ user, state }) => `${user} ${state}`)))
session.on('health', ({ health }) => console.log(health)) // ok | reconnecting | lost: it does not flicker

// Typed while offline? It waits, is sent once when the connection is back, and settles when it is kept.
const sent = await room.publish({ text: 'hi' })
console.log(sent.kind === 'kept' ? 'kept' : `refused: ${sent.message}`)

session.close()
